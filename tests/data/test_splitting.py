import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.data.leaks import leak_report
from chainrule.data.splitting import Split, check_shares, position, split
from chainrule.fields import labels as sets
from chainrule.fields import number
from chainrule.system.errors import DataError
from chainrule.tasks.text_classification import rows as rules

NO_LINKS = pd.DataFrame({name: pd.Series([], dtype="str") for name in ("id", "other", "other_group", "kind")})
SHARES = {"test": 0.3, "validation": 0.2}


def clean_rows(groups: list[str], parts: list[str | None] | None = None, first: int = 0) -> pd.DataFrame:
    ids = [f"r{n}" for n in range(first, first + len(groups))]
    return pd.DataFrame(
        {
            "id": pd.Series(ids, dtype="str"),
            "group": pd.Series(groups, dtype="str"),
            "text": pd.Series(ids, dtype="str"),
            "label": pd.Series(["a"] * len(ids), dtype="str"),
            "part": pd.Series(parts or [None] * len(ids), dtype="str"),
            "origin": pd.Series(ids, dtype="str"),
        }
    )


def near(*pairs: tuple[str, str], rows: pd.DataFrame) -> pd.DataFrame:
    group = dict(zip(rows["id"], rows["group"], strict=True))
    links = [(one, other, group[other], "near") for one, other in pairs]
    return pd.DataFrame(links, columns=["id", "other", "other_group", "kind"], dtype="str")


def copy(kept: str, group: str, kind: str = "copy") -> pd.DataFrame:
    return pd.DataFrame([(kept, "gone", group, kind)], columns=["id", "other", "other_group", "kind"], dtype="str")


def done(
    rows: pd.DataFrame, links: pd.DataFrame = NO_LINKS, seed: int = 0, tolerance: float = 1e9, **shares: float
) -> Split:
    return split(rows, links, "label", rules, seed=seed, tolerance=tolerance, **{**SHARES, **shares})


def where(result: Split) -> dict[str, str]:
    return dict(zip(result.rows["id"], result.rows["split"], strict=True))


def named(wanted: str, n: int = 1, seed: int = 0) -> list[str]:
    """The first n group names that fall into a split."""
    spans = {"test": (0, 0.3), "validation": (0.3, 0.5), "train": (0.5, 1)}
    low, high = spans[wanted]
    return [f"g{k}" for k in range(1000) if low <= position(f"g{k}", seed) < high][:n]


def test_positions_are_even_fixed_and_of_one_seed():
    places = np.array([position(f"row {n}", 0) for n in range(4000)])
    assert places.min() >= 0
    assert places.max() < 1
    assert np.abs(np.histogram(places, 10, (0, 1))[0] - 400).max() < 80
    assert position("row 0", 0) == 0.9354272747472563
    assert position("row 0", 0) != position("row 0", 1)


def test_groups_are_never_cut():
    rows = clean_rows([f"g{n % 20}" for n in range(100)])
    result = done(rows)
    assert result.rows.groupby("group")["split"].nunique().max() == 1
    assert set(result.rows["split"]) == {"train", "validation", "test"}


def test_official_parts_are_kept_and_no_more_of_them_is_carved_out():
    rows = clean_rows([f"g{n}" for n in range(200)], ["test"] * 20 + ["train"] * 100 + [None] * 80)
    result = done(rows)
    assert (result.rows["split"] == "test").tolist() == [True] * 20 + [False] * 180
    assert 0.1 < (result.rows["split"][20:] == "validation").mean() < 0.3
    rows["part"] = ["test"] * 20 + ["validation"] * 20 + ["train"] * 160
    assert done(rows).rows["split"].tolist() == rows["part"].tolist()


def test_a_source_with_official_validation_but_no_test_gets_a_test_carved_out_of_the_rest():
    rows = clean_rows([f"g{n}" for n in range(200)], ["validation"] * 20 + ["train"] * 180)
    counts = done(rows).counts
    assert counts["validation"] == 20
    assert 30 < counts["test"] < 80


def test_near_duplicates_share_a_group_and_a_split():
    train, test = named("train")[0], named("test")[0]
    rows = clean_rows([train, test, *named("train", 4)[1:]])
    result = done(rows, near(("r0", "r1"), rows=rows))
    assert where(result)["r0"] == where(result)["r1"] == "test"
    assert set(result.rows["group"][:2]) == {min(train, test)}
    assert result.counts["groups_joined"] == 1


def test_a_rejected_copy_still_ties_its_group():
    train, test = named("train")[0], named("test")[0]
    rows = clean_rows([train, *named("train", 4)[1:]])
    assert where(done(rows))["r0"] == "train"
    assert where(done(rows, copy("r0", test)))["r0"] == "test"


def test_rows_to_be_split_that_resemble_an_official_row_are_excluded_and_published_training_rows_are_not():
    rows = clean_rows(
        ["a", "b", "c", "b", *named("train", 3)], ["test", None, "train", None, "train", "train", "train"]
    )
    result = done(rows, near(("r0", "r1"), ("r0", "r2"), rows=rows))
    assert result.excluded.to_dict("list") == {
        "id": ["r1", "r3"],
        "origin": ["r1", "r3"],
        "reason": ["shares_group_with_test"] * 2,
        "detail": ["group b"] * 2,
        "label": ["a"] * 2,
    }
    assert where(result)["r2"] in ("train", "validation")
    assert result.counts["excluded_shares_group_with_test"] == 2


@pytest.mark.parametrize("wanted", ["test", "validation"])
def test_unlabelled_rows_by_the_side_of_held_out_rows_are_excluded(wanted):
    held, *_ = named(wanted)
    groups = [held, held, "alone", "looks", "looks", "copied", *named("train", 3)]
    rows = clean_rows(groups, [None] + ["unlabelled"] * 5 + [None] * 3)
    links = pd.concat([near(("r0", "r3"), rows=rows), copy("r0", "copied", "unlabelled_copy")])
    result = done(rows, links)
    assert result.excluded["id"].tolist() == ["r1", "r3", "r4", "r5"]
    assert set(result.excluded["reason"]) == {f"shares_group_with_{wanted}"}
    assert where(result)["r2"] == "unlabelled"


def test_a_row_that_resembles_both_held_out_splits_is_excluded_for_the_test():
    rows = clean_rows(["a", "b", "c", *named("train", 3)], ["test", "validation", "unlabelled", None, None, None])
    for pairs in [(("r0", "r2"), ("r1", "r2")), (("r1", "r2"), ("r0", "r2"))]:
        result = done(rows, near(*pairs, rows=rows))
        assert result.excluded["reason"].tolist() == ["shares_group_with_test"]


def test_unlabelled_rows_like_training_rows_stay_and_do_not_tie_labelled_groups():
    train, test = named("train")[0], named("test")[0]
    rows = clean_rows([train, "between", test, *named("train", 3)[1:]], [None, "unlabelled", None, None, None])
    assert where(done(rows, near(("r0", "r1"), rows=rows)))["r1"] == "unlabelled"
    result = done(rows, near(("r0", "r1"), ("r1", "r2"), rows=rows))
    assert where(result)["r0"] == "train"
    assert where(result)["r2"] == "test"
    assert result.excluded["id"].tolist() == ["r1"]


def test_no_training_rows_is_an_error_with_a_remedy():
    with pytest.raises(DataError, match=r"no rows are left for training: lower split.test"):
        done(clean_rows(named("test", 3)))


def test_a_size_outside_the_tolerance_is_named_with_its_remedy():
    rows = clean_rows([*named("train", 90), *named("test", 10)])
    message = (
        r"split test has 10 of 100 rows, 14 to 47 are allowed \(and 1 more such faults\): "
        "try another seed, finer groups, or raise split.tolerance"
    )
    with pytest.raises(DataError, match=message):
        done(rows, tolerance=0.1)


def test_a_class_outside_the_tolerance_is_named():
    rows = clean_rows([f"g{n}" for n in range(200)])
    rows["split"] = ["train"] * 100 + ["test"] * 100
    rows["label"] = ["a"] * 30 + ["b"] * 70 + ["a"] * 6 + ["b"] * 94
    with pytest.raises(DataError, match=r"split test has 6 of 36 rows of class a, 8 to 28 are allowed"):
        check_shares(rows, rows["label"], {"test": 0.5, "validation": 0.0}, 0.2)
    assert check_shares(rows, rows["label"], {"test": 0.5, "validation": 0.0}, 0.7) == []


def labelled(labels: list[str], groups: list[str] | None = None) -> pd.DataFrame:
    rows = clean_rows(groups or [f"img{n}" for n in range(len(labels))])
    return rows.assign(label=pd.Series(labels, dtype="str"))


@pytest.mark.parametrize(
    "labels",
    [
        [f"c{n % 102}" for n in range(102 * 30)],
        ["rare"] * 6 + [f"c{n % 6}" for n in range(600)],
    ],
    ids=["102 classes of 30 rows", "6 rows among 606"],
)
def test_few_rows_of_a_class_fail_no_split(labels):
    passed = 0
    for seed in range(10):
        try:
            split(labelled(labels), NO_LINKS, "label", rules, seed=seed, test=0.2, validation=0.15, tolerance=0.5)
        except DataError:
            continue
        passed += 1
    assert passed >= 9


def test_the_classes_that_a_split_lacks_or_has_by_chance_are_named():
    rows = labelled(["a"] * 152, [*named("train", 70), *named("test", 50), *named("validation", 32)])
    rows.loc[[0, 151], "label"] = "b"
    assert done(rows).warnings == ["split test has no row of class b (2 rows): its scores say nothing about such rows"]
    few = labelled(["a"] * 149 + ["b"] * 3, [*named("train", 70), *named("validation", 32), *named("test", 50)])
    few.loc[0, "label"] = "b"
    assert done(few, tolerance=0.5).warnings == [
        "split validation has no row of class b (4 rows): the choice of the best epoch knows nothing about such rows",
        (
            "split test has a share of some classes that differs by more than split.tolerance, as few groups fall: "
            "class b (3 rows)"
        ),
    ]


def test_an_official_part_may_lack_a_class_and_may_not_have_one_that_training_lacks():
    rows = labelled(["a", "b"] * 20 + ["a"] * 5).assign(part=["train"] * 40 + ["test"] * 5)
    assert done(rows).warnings[-1] == (
        "split test has no row of class b (20 rows): its scores say nothing about such rows"
    )
    rows.loc[44, "label"] = "c"
    message = "class c has 1 rows in the official part test and none for training: give it training rows, one name"
    with pytest.raises(DataError, match=message):
        done(rows)


def test_rows_of_a_class_that_is_held_out_as_a_whole_are_left_out_and_named():
    rows = labelled(["a"] * 15 + ["b"] * 2, [*named("train", 9), *named("validation", 4), *named("test", 4)])
    result = done(rows)
    assert result.excluded["reason"].tolist() == ["class_without_training_rows"] * 2
    assert result.counts["excluded_class_without_training_rows"] == 2
    assert result.warnings == [
        "all rows of class b (2 rows) would be held out, so they are left out: such classes need more groups"
    ]


def test_without_an_official_test_part_a_share_is_needed():
    with pytest.raises(DataError, match=r"split.test is 0 and the source has no official test part"):
        done(clean_rows(named("train", 3)), test=0.0)
    rows = clean_rows([*named("train", 3), *named("validation", 2), "g"], [None] * 5 + ["test"])
    assert done(rows, test=0.0).counts["test"] == 1


def test_a_component_too_large_for_the_splits_is_named_as_the_cause():
    rows = labelled(["a"] * 200 + ["b"] * 200)
    chain = near(*((f"r{n}", f"r{n + 1}") for n in range(149)), rows=rows)
    message = (
        r"split test has .* duplicates tie 150 groups to one that has 150 rows \(150 of class a\) and is test as a "
        r"whole; clean.near_duplicates: 0.02 ties too many"
    )
    with pytest.raises(DataError, match=message):
        split(rows, chain, "label", rules, seed=0, tolerance=0.5, likeness="clean.near_duplicates: 0.02", **SHARES)
    rows["group"] = ["one"] * 150 + rows["group"][150:].tolist()
    first = done(rows).components[0]
    assert (first.group, first.rows, first.groups, first.stratum, first.of_stratum) == ("one", 150, 1, "a", 150)


def test_near_duplicates_that_no_anchor_ties_stay_where_their_groups_stand_and_are_counted():
    train, test = named("train", 3), named("test", 2)
    rows = clean_rows([*train, *test])
    links = near(("r0", "r3"), ("r1", "r4"), rows=rows).assign(kind=["near", "apart"])
    result = done(rows, links)
    assert [where(result)[name] for name in ("r0", "r1", "r3", "r4")] == ["test", "train", "test", "test"]
    shared = leak_report(result.rows, result.strata, list("abcde"), links, "class")["shared"]["train_test"]
    assert (shared["near_duplicates"], shared["near_duplicates_apart"]) == (0, 1)


@st.composite
def grown(draw):
    """Rows and links, and more of both that came later."""
    names = st.sampled_from([f"g{n}" for n in range(25)])
    old = clean_rows(draw(st.lists(names, min_size=1, max_size=15)))
    new = clean_rows(draw(st.lists(names, max_size=10)), first=len(old))
    both = pd.concat([old, new], ignore_index=True)

    def pairs(rows):
        ends = st.sampled_from(rows["id"].tolist())
        return near(*draw(st.lists(st.tuples(ends, ends), max_size=5)), rows=rows)

    before = pairs(old)
    later = [pairs(both), copy(draw(st.sampled_from(old["id"].tolist())), draw(names))]
    # new rows may also sort before the old ones
    both = both.iloc[draw(st.permutations(range(len(both))))].reset_index(drop=True)
    return old, before, both, pd.concat([before, *later], ignore_index=True)


@settings(max_examples=40)
@given(data=grown(), seed=st.integers(0, 5))
def test_when_data_arrives_no_row_that_was_tested_is_trained_on_nor_one_for_selection(data, seed):
    old, before, both, links = data
    order = ["train", "validation", "test"]
    try:
        first, second = where(done(old, before, seed)), where(done(both, links, seed))
    except DataError as error:
        assume("no rows are left" not in str(error))
        raise
    for name, was in first.items():
        assert order.index(second[name]) >= order.index(was)


@settings(max_examples=40)
@given(old=st.sets(st.integers(0, 60), min_size=5), new=st.sets(st.integers(61, 120)))
def test_without_new_links_new_groups_change_no_split(old, new):
    early = clean_rows([f"g{n}" for n in sorted(old)])
    late = clean_rows([f"g{n}" for n in sorted(old | new, reverse=True)])
    try:
        first, second = done(early).rows, done(late).rows
    except DataError as error:
        assume("no rows are left" not in str(error))
        raise
    second_by_group = dict(zip(second["group"], second["split"], strict=True))
    assert all(second_by_group[group] == was for group, was in zip(first["group"], first["split"], strict=True))


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([f"g{n}" for n in range(12)]),
            st.sampled_from([None, None, "train", "validation", "test", "unlabelled"]),
        ),
        min_size=1,
        max_size=20,
    ),
    data=st.data(),
)
def test_rows_and_excluded_make_up_the_clean_rows_and_what_was_carved_does_not_leak(rows, data):
    frame = clean_rows([row[0] for row in rows], [row[1] for row in rows])
    ends = st.sampled_from(frame["id"].tolist())
    links = near(*data.draw(st.lists(st.tuples(ends, ends), max_size=8)), rows=frame)
    try:
        result = done(frame, links)
    except DataError as error:
        assume("no rows are left" not in str(error))
        raise
    assert sorted([*result.rows["id"], *result.excluded["id"]]) == sorted(frame["id"])
    official = result.rows["part"].isin(["train", "validation", "test"])
    place = where(result)
    published = set(result.rows["id"][official])
    for one, other in zip(links["id"], links["other"], strict=True):
        if one in place and other in place and not {one, other} <= published:
            assert {place[one], place[other]} in ({place[one]}, {"train", "unlabelled"})
    ours = result.rows[~official]
    for name, members in result.rows.groupby("group"):
        if name in set(ours["group"]):
            own = set(members["split"])
            assert len(own) == 1 or own == {"train", "unlabelled"} or official[members.index].sum() > 1


def shared(**counts: int) -> dict[str, int]:
    nothing = dict.fromkeys(("groups", "exact_duplicates", "near_duplicates", "near_duplicates_apart"), 0)
    return {**nothing, **counts}


def test_the_leak_report_counts_what_splits_share():
    rows = clean_rows(["a", "b", "c", "c", "d"], ["train", "train", "test", "train", "unlabelled"])
    rows["split"] = ["train", "validation", "test", "train", "unlabelled"]
    rows["label"] = ["x", "x", "y", "y", None]
    links = near(("r0", "r2"), ("r1", "r2"), ("r0", "r3"), rows=rows)
    assert leak_report(rows, rows["label"], ["k", "l", "k", "m", "n"], links, "class") == {
        "rows": {"train": 2, "validation": 1, "test": 1, "unlabelled": 1},
        "official": ["train", "test"],
        "shared": {
            "train_validation": shared(),
            "train_test": shared(groups=1, exact_duplicates=1, near_duplicates=1),
            "train_unlabelled": shared(),
            "validation_test": shared(near_duplicates=1),
            "validation_unlabelled": shared(),
            "test_unlabelled": shared(),
        },
        "class_shares": {"train": {"x": 0.5, "y": 0.5}, "validation": {"x": 1.0}, "test": {"y": 1.0}},
    }


def test_sets_of_labels_are_split_by_their_rarest_and_a_label_that_is_held_out_as_a_whole_is_left_out():
    values = ['["a"]'] * 100 + ['["a", "b"]'] * 99 + ['["a", "c"]']
    groups = [*named("train", 90), *named("test", 61), *named("validation", 49)]
    order = np.random.default_rng(0).permutation(199)
    rows = labelled([*(values[at] for at in order), values[199]], groups).rename(columns={"label": "tags"})
    result = split(rows, NO_LINKS, "tags", sets, seed=0, tolerance=0.9, **SHARES)
    assert result.excluded["reason"].tolist() == ["label_without_training_rows"]
    assert result.excluded["tags"].tolist() == ['["a", "c"]']
    assert result.warnings[0].startswith("all rows of label c (1 row) would be held out")
    assert set(result.strata) == {"a", "b"}
    report = leak_report(result.rows, result.strata, result.rows["id"].tolist(), NO_LINKS, sets.STRATUM)
    assert set(report["label_shares"]["train"]) == {"a", "b"}


def test_numbers_are_split_by_fifths():
    rows = clean_rows([f"g{n}" for n in range(500)]).assign(label=[float(n) for n in range(500)])
    result = split(rows, NO_LINKS, "label", number, seed=0, tolerance=0.5, **SHARES)
    assert result.counts["excluded"] == 0
    assert len(set(result.strata)) == 5
    faulty = rows.assign(split=["test" if n < 100 else "train" for n in range(500)])
    with pytest.raises(DataError, match=r"split test has 100 of 100 rows of range 0 to 100, "):
        check_shares(faulty, pd.Series(number.strata(rows["label"].tolist())), {"test": 0.2}, 0.1, called="range")
