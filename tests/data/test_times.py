"""Splits by time: how times are read, where the borders lie, and what holds when newer rows come."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.data import times
from chainrule.data.splitting import Split, split
from chainrule.system.errors import DataError
from chainrule.tasks.text_classification import rows as rules

ORDER = times.Order()
SPLITS = ["train", "validation", "test"]


def rows_of(moments: list[str | None], groups: list[str] | None = None, **columns: list[str | None]) -> pd.DataFrame:
    ids = [f"r{n}" for n in range(len(moments))]
    own = {"group": groups or ids, "text": ids, "label": ["a"] * len(ids), "part": [None] * len(ids), "time": moments}
    return pd.DataFrame({"id": ids, "origin": ids} | own | columns, dtype="str")


def links_of(rows: pd.DataFrame, *pairs: tuple[int, int]) -> pd.DataFrame:
    found = [(rows["id"][one], rows["id"][other], rows["group"][other], "near") for one, other in pairs]
    return pd.DataFrame(found, columns=["id", "other", "other_group", "kind"], dtype="str")


def done(rows: pd.DataFrame, *pairs: tuple[int, int], order: times.Order = ORDER) -> Split:
    shares = {"test": 0.2, "validation": 0.2, "tolerance": 0.5}
    return split(rows, links_of(rows, *pairs), "label", rules, seed=0, order=order, **shares)


def where(result: Split) -> dict[str, str]:
    return dict(zip(result.rows["id"], result.rows["split"], strict=True))


def days(count: int) -> list[str | None]:
    return [f"2011-01-{day:02d}" for day in range(1, count + 1)]


def test_the_newest_rows_are_tested_and_those_before_them_choose() -> None:
    result = done(rows_of(days(10)))
    assert result.rows["split"].tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert result.time == {
        "borders": {"validation": "2011-01-07", "test": "2011-01-09"},
        "spans": {
            "train": ["2011-01-01", "2011-01-06"],
            "validation": ["2011-01-07", "2011-01-08"],
            "test": ["2011-01-09", "2011-01-10"],
        },
        "before": {"validation": 0, "test": 0},
    }
    assert "train 2011-01-01 to 2011-01-06" in times.in_words(result.time)


def test_what_is_of_one_moment_is_never_cut() -> None:
    result = done(rows_of(["2011"] * 5 + ["2012"] * 3 + ["2013"] * 4))
    assert result.rows["split"].tolist() == ["train"] * 5 + ["validation"] * 3 + ["test"] * 4
    assert any("split test has 4 rows, 2 were meant" in line for line in result.warnings)


def test_a_group_is_as_new_as_its_newest_row_and_so_are_rows_that_are_alike() -> None:
    groups = [f"g{n}" for n in range(10)]
    groups[0] = groups[9]
    result = done(rows_of(days(10), groups), (1, 8))
    found = where(result)
    assert [found[name] for name in ("r0", "r9", "r1", "r8", "r7")] == ["test"] * 2 + ["validation"] * 2 + ["train"]
    assert result.time is not None and result.time["before"] == {"validation": 1, "test": 1}
    assert result.rows.groupby("group")["split"].nunique().max() == 1


@pytest.mark.parametrize(
    ("written", "form"),
    [
        (["9", "10", "11", "100"], None),
        (["2011-01-09", "2011-01-10 05:00", "2011-01-10T05:00:00.5Z", "2011-01-10T05:00:00-01:00"], None),
        (["2010-12", "2011-01", "2011-02", "2012-01"], None),
        (["31.12.2010", "01.02.2011", "01.03.2011", "02.01.2012"], "%d.%m.%Y"),
    ],
)
def test_times_are_ordered_as_they_are_meant(written: list[str], form: str | None) -> None:
    turned = [written[place] for place in (2, 0, 3, 1)]
    moments = times.when(rows_of(list(turned)), times.Order(form)).moments
    assert [turned[place] for place in np.argsort(moments)] == written


def test_rows_without_a_time_are_left_out_and_counted_by_reason() -> None:
    result = done(rows_of([*days(10), None, "  ", "soon"]))
    assert result.excluded["reason"].tolist() == ["without_time", "without_time", "unreadable_time"]
    assert result.counts["excluded_without_time"] == 2
    assert len(result.rows) + len(result.excluded) == 13


def test_unlabelled_rows_of_the_time_that_is_held_out_are_left_out() -> None:
    part = [None] * 10 + ["unlabelled"] * 2
    result = done(rows_of([*days(10), "2011-01-06", "2011-01-07"], part=part))
    assert where(result)["r10"] == "unlabelled"
    assert result.excluded[["id", "reason"]].to_numpy().tolist() == [["r11", "not_before_validation"]]


def test_an_official_test_part_stays_and_validation_is_the_newest_of_the_rest() -> None:
    result = done(rows_of([*days(10), None], part=[None] * 10 + ["test"]))
    assert result.rows["split"].tolist() == ["train"] * 8 + ["validation"] * 2 + ["test"]


@pytest.mark.parametrize(
    ("rows", "order", "said"),
    [
        (rows_of(days(9)).drop(columns="time"), ORDER, "split.time is set and rows have no time"),
        (rows_of(["12/27/2015"] * 4), ORDER, "such as '12/27/2015': split.time.format says how they are written"),
        (rows_of([None] * 4), ORDER, "for every one is empty"),
        (rows_of(["2011"] * 4), ORDER, "no rows are left for training"),
        (rows_of(days(9), ["one"] * 9), ORDER, "a group is as new as its newest row"),
        (rows_of(days(9)), times.Order(None, "1.1.2011", "2.1.2011"), "split.time.validation: '1.1.2011' is not"),
    ],
)
def test_what_cannot_be_split_by_time_is_said_with_a_remedy(rows: pd.DataFrame, order: times.Order, said: str) -> None:
    with pytest.raises(DataError, match=said.replace(".", r"\.")):
        done(rows, order=order)


@st.composite
def grown(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, int]]]:
    """Rows, the same with others that came later, and pairs of the latter that are alike."""
    moments = draw(st.lists(st.integers(1, 30), min_size=1, max_size=20))
    names = st.sampled_from([f"g{n}" for n in range(12)])
    groups = [draw(names) for _ in moments]
    old = draw(st.integers(1, len(moments)))
    ends = st.integers(0, len(moments) - 1)
    both = rows_of([str(moment) for moment in moments], groups)
    return both[:old], both, draw(st.lists(st.tuples(ends, ends), max_size=4))


@settings(max_examples=60)
@given(data=grown())
def test_with_fixed_borders_no_row_that_was_tested_is_trained_on_when_rows_come(
    data: tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, int]]],
) -> None:
    old, both, pairs = data
    order = times.Order(None, "10", "20")
    try:
        first, second = where(done(old, order=order)), where(done(both, *pairs, order=order))
    except DataError as error:
        assume("no rows are left" not in str(error))
        raise
    for name, was in first.items():
        assert name not in second or SPLITS.index(second[name]) >= SPLITS.index(was)


@settings(max_examples=60)
@given(data=grown())
def test_all_that_is_trained_on_is_older_than_all_borders_and_groups_are_whole(
    data: tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, int]]],
) -> None:
    _, rows, pairs = data
    try:
        result = done(rows, *pairs)
    except DataError as error:
        assume("no rows are left" not in str(error))
        raise
    newest = result.rows["time"].astype(int).groupby(result.rows["group"]).max()
    of = result.rows.groupby("group")["split"].first()
    assert result.rows.groupby("group")["split"].nunique().max() == 1
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert newest[of == earlier].max() < newest[of == later].min()
