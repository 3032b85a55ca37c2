"""Splits that cut groups: within each user, or from a moment on."""

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import splitting, times

RULES = importlib.import_module("chainrule.tasks.item_ranking.rows")
LINKS = pd.DataFrame({name: pd.Series([], dtype="str") for name in ("id", "other", "other_group", "kind")})


def rows(users: int = 20, each: int = 15) -> pd.DataFrame:
    of = [f"u{user}" for user in range(users) for _ in range(each)]
    return pd.DataFrame(
        {
            "id": [f"all/{place}" for place in range(len(of))],
            "group": of,
            "interaction": of,
            "click": 1.0,
            "part": None,
            "origin": "a:1",
            "time": [str(place % each * 100 + place) for place in range(len(of))],
        }
    )


def split(table: pd.DataFrame, links: pd.DataFrame = LINKS, **options: Any) -> splitting.Split:
    wanted: dict[str, Any] = {"seed": 1, "test": 0.2, "validation": 0.1, "tolerance": 1.0}
    return splitting.split(table, links, "click", RULES, **wanted | options)


def test_each_user_gives_some_rows_and_keeps_one_to_learn_from() -> None:
    few = pd.concat([rows(), rows(users=50, each=1).assign(id=[f"one/{n}" for n in range(50)], group=range(50))])
    few["group"] = few["group"].astype(str)
    found = split(few.reset_index(drop=True), by="within_groups").rows
    assert found.groupby("group")["split"].agg(lambda own: "train" in set(own)).all()
    held = found[found["split"] == "test"]
    assert held["group"].nunique() > 15
    assert len(held) / len(found) == pytest.approx(0.2 * 300 / 350, abs=0.05)
    assert set(found["group"]) == set(few["group"])


def test_what_was_held_out_never_moves_into_training_as_rows_come() -> None:
    whole = rows()
    before = split(whole.iloc[::2].reset_index(drop=True), by="within_groups").rows.set_index("id")["split"]
    after = split(whole, by="within_groups").rows.set_index("id")["split"]
    held = before[before != "train"]
    assert len(held) and (after[held.index] != "train").all()


def test_by_time_every_row_from_a_moment_on_is_held_out() -> None:
    found = split(rows(), by="time", order=times.Order())
    moments = found.rows["time"].astype(float)
    by_split = {name: moments[found.rows["split"] == name] for name in ("train", "validation", "test")}
    assert by_split["train"].max() < by_split["validation"].min() <= by_split["validation"].max()
    assert by_split["validation"].max() < by_split["test"].min()
    assert found.time is not None and found.time["before"] == {"validation": 0, "test": 0}
    assert found.rows["group"].nunique() == 20


def test_of_each_user_the_newest_rows_are_held_out() -> None:
    found = split(rows(), by="within_groups", order=times.Order()).rows
    for _, own in found.groupby("group"):
        moments = {name: part["time"].astype(float) for name, part in own.groupby("split")}
        assert moments["train"].max() < moments["validation"].min() < moments["test"].min()
        assert len(moments["test"]) == 3


def test_a_row_without_a_time_is_left_out_with_its_reason() -> None:
    table = rows()
    table.loc[4, "time"] = None
    found = split(table, by="within_groups", order=times.Order())
    assert found.excluded["reason"].tolist() == ["without_time"]


def test_a_copy_ties_its_own_row_alone() -> None:
    links = pd.DataFrame({"id": ["all/0"], "other": ["gone"], "other_group": ["u0"], "kind": ["copy"]})
    alone = split(rows(), by="within_groups").rows["split"]
    tied = split(rows(), links, by="within_groups").rows["split"]
    assert (alone != tied).sum() <= 1


def test_whole_groups_are_the_default() -> None:
    found = split(rows(users=60), by="groups").rows
    assert found.groupby("group")["split"].nunique().eq(1).all()
    assert np.isin(["train", "validation", "test"], found["split"].unique()).all()
