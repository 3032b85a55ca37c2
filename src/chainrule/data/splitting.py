"""Splits as a pure function of group and seed, and the numbers that show they do not leak."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.duplicates import unify_groups
from chainrule.data.shares import Share, shares
from chainrule.system.errors import DataError

SPLITS = ("train", "validation", "test", "unlabelled")
SHOWN = 5


class Component(NamedTuple):
    """Rows that stay together: their group, how many, of how many groups, where, and the commonest class."""

    group: str
    rows: int
    groups: int
    split: str
    label: str
    of_label: int


class Split(NamedTuple):
    """What `split` returns.

    rows: the columns of clean rows with `group` unified over duplicates, and `split`. excluded: `id, origin,
    reason, detail, label` of rows that would leak or could not be learnt. counts: numbers for the report.
    components: the largest of the rows to be split. warnings: what is allowed and yet to be known. rows + excluded
    = clean rows.
    """

    rows: pd.DataFrame
    excluded: pd.DataFrame
    counts: dict[str, int]
    components: list[Component]
    warnings: list[str]


def position(group: str, seed: int) -> float:
    """Return where a group stands in [0, 1): evenly spread, and fixed by its name and the seed alone."""
    digest = blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def split(
    rows: pd.DataFrame,
    links: pd.DataFrame,
    *,
    seed: int,
    test: float,
    validation: float,
    tolerance: float,
    likeness: str = "clean.near_duplicates",
) -> Split:
    """Give every clean row a split; `rows` and `links` are `kept` and `links` of cleaning.

    Rows of an official test or validation part keep it, and then no more of that split is carved out. Other
    labelled rows go by group: groups that duplicates link form one component, whose position is the smallest
    of its groups' positions; below `test` it is test, below `test + validation` validation, else train. New
    rows can only join components or make new ones, so a component's position never grows: a row that was once
    tested is never trained on, at the price that a component of many groups is likelier to be tested than a
    single group.

    Excluded and counted: rows to be split that share a group or a near duplicate with an official test or
    validation row (official training rows stay as published; the leak report counts them); unlabelled
    rows whose group holds a row of the test or validation split, or one that looks or reads like such a row;
    and carved rows of a class that has no training row.

    `tolerance` is relative: the size of each carved split, and the share each class has in it, may differ by
    this fraction from what is asked and from the class's overall share, and further where chance does so with as
    few groups (see shares). `likeness` names the setting that decides which rows are alike.

    Raises DataError when nothing would be tested or trained on, an official part has a class that training lacks,
    or a share is not allowed.
    """
    part = rows["part"].astype("object").where(rows["part"].notna(), None)
    if test == 0 and not (part == "test").any():
        raise DataError(
            "split.test is 0 and the source has no official test part, so nothing would be tested: "
            "give split.test a share, such as 0.2"
        )
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
    reasons.update(_unlearnable(rows["label"], part, in_split, reasons))
    stays = ~rows.index.isin(list(reasons))
    split_rows = rows.assign(group=group.astype("str"), split=in_split)[stays].reset_index(drop=True)
    components = _components(split_rows, rows["group"][stays])
    warnings = check_shares(split_rows, asked, tolerance, rows["group"][stays], components, likeness)
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
        "largest_component": components[0].rows if components else 0,
    }
    return Split(split_rows, excluded, counts, components, [*_lost_classes(excluded), *warnings])


def check_shares(
    rows: pd.DataFrame,
    asked: dict[str, float],
    tolerance: float,
    groups: pd.Series | None = None,
    components: Sequence[Component] = (),
    likeness: str = "clean.near_duplicates",
) -> list[str]:
    """Return what is to be known of the splits' sizes; DataError naming the first that is not allowed and its cause.

    `groups` [N] are the rows' groups before duplicates joined them (None: they did not); `components` the largest
    sets of rows that stay together.
    """
    found = shares(rows, rows["group"] if groups is None else groups, asked, tolerance)
    faults = [share for share in found if not share.allowed]
    if faults:
        more = f" (and {len(faults) - 1} more such faults)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}: {_cause(faults[0], rows, components, likeness)}")
    return [*_absent(rows), *_uneven(found)]


def _cause(fault: Share, rows: pd.DataFrame, components: Sequence[Component], likeness: str) -> str:
    """Return why a share is not allowed, as far as that can be told, and what helps."""
    excess = abs(fault.rows - fault.expected)
    large = next((one for one in components if one.rows > max(1, excess / 2)), None)
    if large is not None:
        what = f"{large.rows:,} rows ({large.of_label:,} of class {large.label}) and is {large.split} as a whole"
        if large.groups == 1:
            return f"group {large.group} has {what}: make groups finer, or raise split.tolerance"
        return f"duplicates tie {large.groups:,} groups to one that has {what}; {likeness} ties too many"
    tied = [one for one in components if one.groups > 1]
    if fault.rows > fault.expected and tied and len(tied) == len(components):
        return (
            f"duplicates tie many groups together, at most {tied[0].rows:,} rows, and such a component is held out if "
            f"any of its groups is; {likeness} ties too many"
        )
    return "try another seed, finer groups, or raise split.tolerance"


def _components(rows: pd.DataFrame, groups: pd.Series) -> list[Component]:
    """Return the sets of carved rows that stay together, the largest first; `groups` as before they were joined."""
    carved = (~rows["part"].isin(["test", "validation", "unlabelled"])).to_numpy()
    own = rows[carved].assign(single=groups.to_numpy()[carved])
    found = own.groupby("group").agg(rows=("id", "size"), groups=("single", "nunique"), split=("split", "first"))
    largest = found.sort_values("rows", ascending=False, kind="stable").head(SHOWN)
    components = []
    for name, one in largest.iterrows():
        label, of_label = Counter(own["label"][own["group"] == name]).most_common(1)[0]
        components.append(
            Component(str(name), int(one["rows"]), int(one["groups"]), str(one["split"]), str(label), of_label)
        )
    return components


def _unlearnable(label: pd.Series, part: pd.Series, in_split: pd.Series, excluded: dict[Any, str]) -> dict[Any, str]:
    """Return index -> reason of the carved rows of classes without training rows; DataError for official ones."""
    stays = ~label.index.isin(list(excluded))
    learnt = set(label[stays & (in_split == "train")])
    if not learnt:
        raise DataError("no rows are left for training: lower split.test and split.validation, or add data")
    held = stays & in_split.isin(["test", "validation"]) & ~label.isin(learnt)
    official = held & part.isin(["test", "validation"])
    if official.any():
        first = label.index[official][0]
        count = int((official & (label == label[first])).sum())
        raise DataError(
            f"class {label[first]} has {count:,} rows in the official part {part[first]} and none for training: "
            "give it training rows, one name in both parts, or take it out of the source"
        )
    return dict.fromkeys(label.index[held], "class_without_training_rows")


def _lost_classes(excluded: pd.DataFrame) -> list[str]:
    lost = Counter(excluded["label"][excluded["reason"] == "class_without_training_rows"])
    if not lost:
        return []
    return [f"all rows of {_listed(lost)} would be held out, so they are left out: such classes need more groups"]


def _absent(rows: pd.DataFrame) -> list[str]:
    """Return a line for each held-out split that has no row of some classes."""
    labelled = rows[rows["split"] != "unlabelled"]
    total = Counter(labelled["label"])
    lines = []
    for name in ("validation", "test"):
        here = set(labelled["label"][labelled["split"] == name])
        missing = {label: total[label] for label in sorted(total) if label not in here}
        if here and missing:
            told = "its scores say nothing" if name == "test" else "the choice of the best epoch knows nothing"
            lines.append(f"split {name} has no row of {_listed(missing)}: {told} about such rows")
    return lines


def _uneven(found: Sequence[Share]) -> list[str]:
    """Return a line for each split whose size, or whose classes' shares, only chance with few groups explains."""
    lines = []
    for name in dict.fromkeys(share.split for share in found):
        sizes = [share for share in found if share.split == name and not share.usual]
        lines += [
            f"split {name} has {share.rows:,} rows, {share.expected:,.0f} were meant: few groups fall unevenly"
            for share in sizes
            if share.label is None
        ]
        uneven = {share.label: share.rows for share in sizes if share.label is not None and share.rows}
        if uneven:
            lines.append(
                f"split {name} has a share of some classes that differs by more than split.tolerance, as few groups "
                f"fall: {_listed(uneven)}"
            )
    return lines


def _listed(rows_of: Mapping[Any, int]) -> str:
    """Return classes with their numbers of rows, the first few of many."""
    named = [f"class {label} ({n:,} row{'' if n == 1 else 's'})" for label, n in rows_of.items()]
    rest = f" and {len(named) - SHOWN:,} more classes" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + rest


def leak_report(rows: pd.DataFrame, keys: Sequence[bytes | str], links: pd.DataFrame) -> dict[str, Any]:
    """Return what `rows` (as `split` returns them) share across splits, in numbers.

    `keys` [N] are the modality's exact-duplicate keys of the rows. For each pair of splits: `groups`,
    `exact_duplicates` (inputs) and `near_duplicates` (pairs of rows), of which those between two official
    parts are as published and all others 0; `near_duplicates_apart` are pairs that no anchor ties. Besides: `rows`
    and `class_shares` per split, and which splits are `official`.
    """
    splits = [name for name in SPLITS if (rows["split"] == name).any()]
    group_sets = {name: set(rows["group"][rows["split"] == name]) for name in splits}
    key_column = pd.Series(list(keys), index=rows.index, dtype="object")
    key_sets = {name: set(key_column[rows["split"] == name]) for name in splits}
    where = dict(zip(rows["id"], rows["split"], strict=True))
    across = Counter(  # of near duplicates: a rejected copy is in no split
        (kind == "apart", frozenset((where[one], where[other])))
        for one, other, kind in zip(links["id"], links["other"], links["kind"], strict=True)
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
            "near_duplicates": across[False, frozenset((one, other))],
            "near_duplicates_apart": across[True, frozenset((one, other))],
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
        if how == "apart":
            continue
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
