"""Splits as a pure function of group and seed, and the numbers that show they do not leak."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.duplicates import unify_groups
from chainrule.errors import DataError

SPLITS = ("train", "validation", "test", "unlabelled")


class Split(NamedTuple):
    """What `split` returns.

    rows: the columns of clean rows with `group` unified over duplicates, and `split`. excluded: `id, origin,
    reason, detail, label` of rows that would leak. counts: numbers for the report. rows + excluded = clean
    rows.
    """

    rows: pd.DataFrame
    excluded: pd.DataFrame
    counts: dict[str, int]


def position(group: str, seed: int) -> float:
    """Return where a group stands in [0, 1): evenly spread, and fixed by its name and the seed alone."""
    digest = blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def split(
    rows: pd.DataFrame, links: pd.DataFrame, *, seed: int, test: float, validation: float, tolerance: float
) -> Split:
    """Give every clean row a split; `rows` and `links` are `kept` and `links` of cleaning.

    Rows of an official test or validation part keep it, and then no more of that split is carved out. Other
    labelled rows go by group: groups that duplicates link form one component, whose position is the smallest
    of its groups' positions; below `test` it is test, below `test + validation` validation, else train. New
    rows can only join components or make new ones, so a component's position never grows: a row that was once
    tested is never trained on, at the price that a component of many groups is likelier to be tested than a
    single group.

    Excluded and counted: rows to be split that share a group or a near duplicate with an official test or
    validation row (official training rows stay as published; the leak report counts them); and unlabelled
    rows whose group holds a row of the test or validation split, or one that looks or reads like such a row.

    `tolerance` is relative: the size of each carved split, and the share each class has in it, may differ by
    this fraction from what is asked and from the class's overall share.

    Raises DataError when nothing is to be trained on or a share is outside its tolerance.
    """
    part = rows["part"].astype("object").where(rows["part"].notna(), None)
    kind = part.map(lambda name: {"test": "fixed", "validation": "fixed", "unlabelled": "free"}.get(name, "pool"))
    asked = {
        "test": 0.0 if (part == "test").any() else test,
        "validation": 0.0 if (part == "validation").any() else validation,
    }
    edges = _edges(rows, kind, links)
    unified = _unified(rows["group"][kind == "pool"], edges)
    place: dict[str, float] = {}
    for name, component in unified.items():
        place[component] = min(place.get(component, 1.0), position(name, seed))
    bounds = asked["test"], asked["test"] + asked["validation"]
    found = {name: "test" if u < bounds[0] else "validation" if u < bounds[1] else "train" for name, u in place.items()}

    group = rows["group"].map(lambda name: unified.get(name, name))
    in_split = pd.Series(
        [
            str(own) if how == "fixed" else "unlabelled" if how == "free" else found[name]
            for own, how, name in zip(part, kind, group, strict=True)
        ],
        index=rows.index,
        dtype="str",
    )
    reasons = _tainted_pool(part, kind, group, edges, unified)
    reasons.update(_tainted_free(kind, group, in_split, edges, unified))
    stays = ~rows.index.isin(list(reasons))
    split_rows = rows.assign(group=group.astype("str"), split=in_split)[stays].reset_index(drop=True)
    if not (split_rows["split"] == "train").any():
        raise DataError("no rows are left for training: lower split.test and split.validation, or add data")
    check_shares(split_rows, asked, tolerance)
    at = sorted(reasons)
    excluded = rows.loc[at, ["id", "origin"]].reset_index(drop=True)
    excluded["reason"] = pd.Series([reasons[index] for index in at], dtype="str")
    excluded["detail"] = pd.Series([f"group {group[index]}" for index in at], dtype="str")
    excluded["label"] = pd.Series(rows["label"].loc[at].to_list(), dtype="str")
    assert len(split_rows) + len(excluded) == len(rows), "a row was lost"
    counts = {
        "clean": len(rows),
        "excluded": len(excluded),
        **{f"excluded_{reason}": n for reason, n in sorted(Counter(reasons.values()).items())},
        **{name: int((split_rows["split"] == name).sum()) for name in SPLITS},
        "groups": int(split_rows["group"].nunique()),
        "groups_joined": len(unified) - len(place),
    }
    return Split(split_rows, excluded, counts)


def check_shares(rows: pd.DataFrame, asked: dict[str, float], tolerance: float) -> None:
    """Raise DataError naming the first carved split, or class in it, whose share is outside `tolerance`.

    The tolerance is relative. Only rows that were carved are looked at: labelled rows whose official part is
    none or train. `asked` holds the shares of test and validation, 0 for those that are official.
    """
    carved = rows[~rows["part"].isin(["test", "validation", "unlabelled"])]
    wanted = {name: share for name, share in asked.items() if share > 0}
    overall = carved["label"].value_counts(normalize=True).sort_index()
    faults = []
    for name, share in wanted.items():
        chosen = carved[carved["split"] == name]
        found = len(chosen) / len(carved)
        if abs(found / share - 1) > tolerance + 1e-9:
            faults.append(f"split {name} has {found:.4f} of the rows, allowed {_band(share, tolerance)}")
        within = chosen["label"].value_counts(normalize=True)
        for label, usual in overall.items():
            has = float(within.get(label, 0.0))
            if abs(has / usual - 1) > tolerance + 1e-9:
                faults.append(
                    f"split {name} has a share of {has:.4f} of class {label}, allowed {_band(float(usual), tolerance)}"
                )
    if faults:
        more = f" (and {len(faults) - 1} more such faults)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}: try another seed, finer groups, or raise split.tolerance")


def leak_report(rows: pd.DataFrame, keys: Sequence[bytes | str], links: pd.DataFrame) -> dict[str, Any]:
    """Return what `rows` (as `split` returns them) share across splits, in numbers.

    `keys` [N] are the modality's exact-duplicate keys of the rows. For each pair of splits: `groups`,
    `exact_duplicates` (inputs) and `near_duplicates` (pairs of rows), of which those between two official
    parts are as published and all others 0. Besides: `rows` and `class_shares` per split, and which splits
    are `official`.
    """
    splits = [name for name in SPLITS if (rows["split"] == name).any()]
    group_sets = {name: set(rows["group"][rows["split"] == name]) for name in splits}
    key_column = pd.Series(list(keys), index=rows.index, dtype="object")
    key_sets = {name: set(key_column[rows["split"] == name]) for name in splits}
    where = dict(zip(rows["id"], rows["split"], strict=True))
    across = Counter(  # of near duplicates: a rejected copy is in no split
        frozenset((where[one], where[other]))
        for one, other in zip(links["id"], links["other"], strict=True)
        if one in where and other in where and where[one] != where[other]
    )
    report: dict[str, Any] = {
        "rows": {name: int((rows["split"] == name).sum()) for name in splits},
        "official": [name for name in splits if (rows["part"] == name).any() and name != "unlabelled"],
        "shared": {},
        "class_shares": {},
    }
    for one, other in combinations(splits, 2):
        report["shared"][f"{one}_{other}"] = {
            "groups": len(group_sets[one] & group_sets[other]),
            "exact_duplicates": len(key_sets[one] & key_sets[other]),
            "near_duplicates": across[frozenset((one, other))],
        }
    for name in splits:
        if name != "unlabelled":
            shares = rows["label"][rows["split"] == name].value_counts(normalize=True).sort_index()
            report["class_shares"][name] = {str(label): round(float(share), 6) for label, share in shares.items()}
    return report


class _Edges(NamedTuple):
    """What links tie: two pool groups, a pool group and an official row, an unlabelled group and a row."""

    pool: list[tuple[str, str]]
    official: list[tuple[str, int]]
    free: list[tuple[str, int]]


def _edges(rows: pd.DataFrame, kind: pd.Series, links: pd.DataFrame) -> _Edges:
    """Sort the links; rows are named by their index label in `rows`."""
    at = dict(zip(rows["id"], rows.index, strict=True))
    groups = rows["group"].to_dict()
    kinds = kind.to_dict()
    edges = _Edges([], [], [])
    for one, other, other_group, how in zip(
        links["id"], links["other"], links["other_group"], links["kind"], strict=True
    ):
        first = at[one]
        other_kind = kinds[at[other]] if how == "near" else "pool" if how == "copy" else "free"
        ends = [(kinds[first], groups[first], first), (other_kind, other_group, at.get(other))]
        ends.sort(key=lambda end: ("pool", "free", "fixed").index(end[0]))
        (low, low_group, low_at), (high, high_group, high_at) = ends
        if low == high == "pool":
            edges.pool.append((low_group, high_group))
        elif low == "pool" and high == "fixed" and high_at is not None:
            edges.official.append((low_group, high_at))
        elif low == "pool" and high == "free" and low_at is not None:
            edges.free.append((high_group, low_at))
        elif low == "free" and high == "fixed" and high_at is not None:
            edges.free.append((low_group, high_at))
    return edges


def _unified(pool_groups: pd.Series, edges: _Edges) -> dict[str, str]:
    """Return group -> name of its component, for pool groups and those of rejected copies of pool rows."""
    names = sorted({*pool_groups, *(name for edge in edges.pool for name in edge), *(g for g, _ in edges.official)})
    number = {name: index for index, name in enumerate(names)}
    pairs = np.array([(number[one], number[other]) for one, other in edges.pool], np.int64).reshape(-1, 2)
    return dict(zip(names, unify_groups(names, pairs), strict=True))


def _tainted_pool(
    part: pd.Series, kind: pd.Series, group: pd.Series, edges: _Edges, unified: dict[str, str]
) -> dict[Any, str]:
    """Return index -> reason of the rows to be split whose component touches an official held-out row."""
    fixed = kind == "fixed"
    ties = list(zip(group[fixed], part[fixed], strict=True))
    ties += [(unified[name], part[index]) for name, index in edges.official]
    touched = _strictest(ties)
    to_split = group[(kind == "pool") & part.isna()]
    return {index: f"shares_group_with_{touched[name]}" for index, name in to_split.items() if name in touched}


def _tainted_free(
    kind: pd.Series, group: pd.Series, in_split: pd.Series, edges: _Edges, unified: dict[str, str]
) -> dict[Any, str]:
    """Return index -> reason of the unlabelled rows whose group holds, or resembles, a held-out row."""
    held = in_split.isin(["test", "validation"])
    ties = list(zip(group[held], in_split[held], strict=True))
    ties += [(unified.get(name, name), in_split[index]) for name, index in edges.free if held[index]]
    touched = _strictest(ties)
    free = group[kind == "free"]
    return {index: f"shares_group_with_{touched[name]}" for index, name in free.items() if name in touched}


def _strictest(ties: list[tuple[str, str]]) -> dict[str, str]:
    """Return group -> "test" where any of its ties is to the test split, else "validation"."""
    touched: dict[str, str] = {}
    for name, own in ties:
        if touched.get(name) != "test":
            touched[name] = own
    return touched


def _band(share: float, tolerance: float) -> str:
    return f"{share * (1 - tolerance):.4f} to {share * (1 + tolerance):.4f}"
