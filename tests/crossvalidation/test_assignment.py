"""Who is held out when: each row once, groups whole, strata spread, and by time only the past to learn from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.crossvalidation.assignment import by_group, turns
from chainrule.crossvalidation.turn import Material, divided
from chainrule.system.errors import DataError
from chainrule.tasks.text_classification import rows as rules


@settings(max_examples=60)
@given(
    groups=st.lists(st.integers(0, 15), min_size=12, max_size=60).filter(lambda own: len(set(own)) >= 8),
    folds=st.integers(2, 4),
    data=st.data(),
)
def test_every_row_is_held_out_once_and_no_group_is_cut(groups: list[int], folds: int, data: st.DataObject) -> None:
    names = [f"g{one}" for one in groups]
    strata = [data.draw(st.sampled_from("ab")) for _ in names]
    found = turns(names, strata, None, folds, 0.25, 7)
    held = np.array([roles == "test" for roles in found])
    assert (held.sum(axis=0) == 1).all() and held.any(axis=1).all()
    for roles in found:
        assert {"train", "validation", "test"} == set(roles)
        of = {name: {roles[at] for at, own in enumerate(names) if own == name} for name in names}
        assert all(len(own) == 1 for own in of.values())
    # The order of rows says nothing.
    order = data.draw(st.permutations(range(len(names))))
    turned = turns([names[at] for at in order], [strata[at] for at in order], None, folds, 0.25, 7)
    assert all((again == roles[list(order)]).all() for again, roles in zip(turned, found, strict=True))


def test_folds_are_of_one_size_and_have_every_class_alike() -> None:
    strata = np.array(["common"] * 80 + ["rare"] * 20, object)
    fold = by_group(np.array([f"row {n}" for n in range(100)], object), strata, 5, 0)
    assert np.bincount(fold).tolist() == [20] * 5
    assert np.bincount(fold[strata == "rare"]).tolist() == [4] * 5
    other = by_group(np.array([f"row {n}" for n in range(100)], object), strata, 5, 1)
    assert (fold != other).any(), "another seed deals others"


def test_by_time_each_turn_learns_from_what_is_older_and_the_oldest_is_never_held_out() -> None:
    moments = np.arange(100.0)
    groups = [f"g{n}" for n in range(100)]
    groups[3] = groups[55]
    found = turns(groups, ["a"] * 100, moments, 4, 0.2, 0)
    held = np.array([roles == "test" for roles in found])
    assert held.sum(axis=0).max() == 1 and not held[:, :3].any() and held[:, 99].any()
    for roles in found:
        newest = {role: max(moments[at] for at in np.flatnonzero(roles == role)) for role in ("train", "validation")}
        tested = np.flatnonzero(roles == "test")
        assert newest["train"] < newest["validation"] < moments[tested].max()
        assert roles[3] == roles[55]
    shares = [(roles == "validation").sum() / np.isin(roles, ["train", "validation"]).sum() for roles in found]
    assert all(0.15 < share < 0.25 for share in shares)


def test_too_few_groups_or_moments_are_said_with_a_remedy() -> None:
    with pytest.raises(DataError, match="3 groups cannot be held out in 5 turns: take fewer --folds"):
        turns(["a", "b", "c"], ["x"] * 3, None, 5, 0.2, 0)
    with pytest.raises(DataError, match="groups end at 5 different moments, 3 turns by time take 8"):
        turns([str(n) for n in range(20)], ["x"] * 20, np.arange(20.0) % 5, 3, 0.2, 0)


def test_by_time_no_unlabelled_row_is_as_new_as_the_rows_that_choose() -> None:
    names = [f"r{n}" for n in range(60)]
    rows = pd.DataFrame({name: pd.Series(names, dtype="str") for name in ("id", "group", "origin", "text", "split")})
    rows = rows.assign(label=["a", "b"] * 30, part=pd.Series([None] * 60, dtype="str"))
    free = rows.assign(
        id=[f"u{n}" for n in range(60)], group=[f"u{n}" for n in range(60)], part="unlabelled", label=None
    )
    moments = np.arange(60.0)
    links = pd.DataFrame({name: pd.Series([], dtype="str") for name in ("id", "other", "other_group", "kind")})
    made = turns(names, rows["label"].tolist(), moments, 3, 0.2, 0)
    found = Material(rows, free, links, "label", rules, made, np.concatenate([moments, moments]))
    for number in range(3):
        own, left_out = divided(found, number)
        at = own["id"].str[1:].astype(int).groupby(own["split"])
        assert at.max()["unlabelled"] < at.min()["validation"] and at.max()["train"] < at.min()["validation"]
        assert at.max()["validation"] < at.min()["test"]
        assert left_out == {"not_before_validation": 60 - at.size()["unlabelled"]}
        assert own["part"].isin(["validation", "test", "unlabelled"]).equals(own["split"].ne("train"))
