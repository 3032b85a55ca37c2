"""Splits as a pure function of group and seed, and the numbers that show they do not leak."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data import holding, ties, times
from chainrule.data.leaks import SPLITS
from chainrule.data.shares import Share, shares
from chainrule.fields.names import short
from chainrule.system.errors import DataError

SHOWN = 5
_KINDS = {"test": "fixed", "validation": "fixed", "unlabelled": "free"}


class Component(NamedTuple):
    """Rows that stay together: their group, how many, of how many groups, where, and the commonest stratum."""

    group: str
    rows: int
    groups: int
    split: str
    stratum: str
    of_stratum: int


class Split(NamedTuple):
    """What `split` returns.

    rows: the columns of clean rows with `group` unified over duplicates, and `split`. strata: those of the rows, None
    of unlabelled ones. excluded: `id, origin, reason, detail` and target of rows that would leak or could not be
    learnt. counts: numbers for the report. components: the largest of the rows to be split. warnings: what is allowed
    and yet to be known. time: the borders of a split by time (see times.report), None of one by group. rows + excluded
    = clean rows.
    """

    rows: pd.DataFrame
    strata: pd.Series
    excluded: pd.DataFrame
    counts: dict[str, int]
    components: list[Component]
    warnings: list[str]
    time: dict[str, Any] | None = None


def position(group: str, seed: int) -> float:
    """Return where a group stands in [0, 1): evenly spread, and fixed by its name and the seed alone."""
    digest = blake2b(f"{seed}\x1f{group}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def split(
    rows: pd.DataFrame,
    links: pd.DataFrame,
    target: str,
    rules: ModuleType,
    *,
    seed: int,
    test: float,
    validation: float,
    tolerance: float,
    likeness: str = "clean.near_duplicates",
    order: times.Order | None = None,
    by: str = holding.GROUPS,
) -> Split:
    """Give every clean row a split; `rows` and `links` are `kept` and `links` of cleaning, `rules` the task's `rows`.

    Rows of an official test or validation part keep it, and then no more of that split is carved out. Other
    labelled rows go by group: groups that duplicates link form one component, whose position is the smallest
    of its groups' positions; below `test` it is test, below `test + validation` validation, else train. New
    rows can only join components or make new ones, so a component's position never grows: a row that was once
    tested is never trained on, at the price that a component of many groups is likelier to be tested than a
    single group.

    With `order` a component stands by time instead, where its newest row does: the newest are test, those before them
    validation (see times.borders), so every training row is older than both borders. Where the borders are fixed, the
    same holds: its newest row never grows older, and no row that was once tested is ever trained on. Where shares set
    them, they move on as newer rows come, and what was tested is learnt from; in every split all that is trained on is
    older.

    Excluded and counted: rows to be split that share a group or a near duplicate with an official test or
    validation row (official training rows stay as published; the leak report counts them); unlabelled
    rows whose group holds a row of the test or validation split, or one that looks or reads like such a row;
    and carved rows whose target is of a class that has no training row. By time also carved and unlabelled rows
    without a time that can be read, and unlabelled rows that are not older than the validation's.

    `by` may cut groups (`data.holding`): "time" puts every row where it stands itself, "within_groups" holds out of
    each group's own rows, by chance or, with `order`, the newest; a row by itself is then what a group is above.

    `tolerance` is relative: the size of each carved split, and the share each stratum has in it, may differ by
    this fraction from what is asked and from the stratum's overall share, and further where chance does so with as
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
    of, cut = rows["group"], by != holding.GROUPS
    if cut:
        rows, links = holding.apart(rows, links)
    kind = pd.Series([_KINDS.get(name, "pool") for name in part], index=rows.index, dtype="object")
    asked = {
        "test": 0.0 if (part == "test").any() else test,
        "validation": 0.0 if (part == "validation").any() else validation,
    }
    edges = ties.sorted_links(rows, kind, links)
    unified = ties.unified(rows["group"][kind == "pool"], edges)
    place: dict[str, float] = {}
    own_place, undated = holding.places(rows, kind, of, list(unified), by, order, lambda name: position(name, seed))
    for name, component in unified.items():
        place[component] = min(place.get(component, 1.0), own_place.get(name, 1.0))
    bounds = asked["test"], asked["test"] + asked["validation"]
    found = {name: "test" if u < bounds[0] else "validation" if u < bounds[1] else "train" for name, u in place.items()}
    dated = None if order is None or by == holding.WITHIN else _dated(rows, kind, unified, asked, order)
    if dated is not None:
        found |= dated.found

    named = rows["group"].to_list()
    group = pd.Series([unified.get(name, name) for name in named], index=rows.index, dtype="object")
    in_split = pd.Series(
        [
            str(own) if how == "fixed" else "unlabelled" if how == "free" else found[name]
            for own, how, name in zip(part, kind, group, strict=True)
        ],
        index=rows.index,
        dtype="str",
    )
    reasons = dict(dated.reasons) if dated else undated
    reasons |= ties.tainted_pool(part, kind, group, edges, unified)
    reasons.update(ties.tainted_free(kind, group, in_split, edges, unified))
    strata, classes = _targets(rows[target], kind, rules)
    lost = _unlearnable(classes, part, in_split, reasons, rules.STRATUM)
    reasons.update(dict.fromkeys(lost, f"{rules.STRATUM}_without_training_rows"))
    stays = ~rows.index.isin(list(reasons))
    split_rows = rows.assign(group=group.astype("str"), split=in_split)[stays].reset_index(drop=True)
    whose = of[stays].reset_index(drop=True)
    strata = strata[stays].reset_index(drop=True)
    components = _components(split_rows, strata, rows["group"][stays])
    found_shares = check_shares(
        split_rows,
        strata,
        asked,
        tolerance,
        rows["group"][stays],
        components,
        likeness,
        rules.STRATUM,
        dated is not None,
    )
    warnings = [
        *_lost_classes(lost, rules.STRATUM),
        *_absent(classes[stays].to_list(), split_rows["split"], rules.STRATUM),
        *found_shares,
    ]
    at = sorted(reasons)
    excluded = rows.loc[at, ["id", "origin"]].reset_index(drop=True)
    excluded["reason"] = pd.Series([reasons[index] for index in at], dtype="str")
    excluded["detail"] = pd.Series([f"group {group[index]}" for index in at], dtype="str")
    excluded[target] = rows[target].loc[at].reset_index(drop=True)
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
    if cut:
        split_rows = split_rows.assign(group=whose)
    time = times.report(split_rows, dated.moments[stays], dated.borders) if dated else None
    return Split(split_rows, strata, excluded, counts, components, warnings, time)


class _Dated(NamedTuple):
    """A split by time: where components stand, rows that have no place, when each row is of, and the borders."""

    found: dict[str, str]
    reasons: dict[Any, str]
    moments: np.ndarray
    borders: times.Borders


def _dated(
    rows: pd.DataFrame, kind: pd.Series, unified: Mapping[str, str], asked: dict[str, float], order: times.Order
) -> _Dated:
    """Give every component the split of its newest row."""
    moments, unplaced, read = times.when(rows, order)
    reasons = {index: reason for index, reason in unplaced.items() if kind[index] != "fixed"}
    pool = (kind == "pool").to_numpy() & ~np.isnan(moments)
    of = pd.Series(moments[pool], index=rows["group"][pool].map(unified))
    newest = of.groupby(level=0).agg(["max", "size"])
    bounds = times.borders(newest["max"].to_numpy(), newest["size"].to_numpy(), asked, order, read)
    late = (kind == "free").to_numpy() & (moments >= min(bounds))
    reasons |= dict.fromkeys(rows.index[late], "not_before_validation")
    found = {str(name): bounds.split(moment) for name, moment in newest["max"].items()}
    return _Dated(found, reasons, moments, bounds)


def _targets(values: pd.Series, kind: pd.Series, rules: ModuleType) -> tuple[pd.Series, pd.Series]:
    """Return the stratum of each labelled row, None of others, and the classes of its target, () of others."""
    labelled = (kind != "free").to_numpy()
    own = values[labelled].to_list()
    strata = pd.Series([None] * len(values), index=values.index, dtype="object")
    strata[labelled] = rules.strata(own)
    classes = pd.Series([()] * len(values), index=values.index, dtype="object")
    classes[labelled] = pd.Series(rules.classes(own), index=values.index[labelled], dtype="object")
    return strata, classes


def check_shares(
    rows: pd.DataFrame,
    strata: pd.Series,
    asked: dict[str, float],
    tolerance: float,
    groups: pd.Series | None = None,
    components: Sequence[Component] = (),
    likeness: str = "clean.near_duplicates",
    called: str = "class",
    by_time: bool = False,
) -> list[str]:
    """Return what is to be known of the splits' sizes; DataError naming the first that is not allowed and its cause.

    By time none is refused: what is of one moment cannot be cut, and what changed with time is no fault of the draw.

    `strata` [N] are the rows', `called` what one of them is called; `groups` [N] are the rows' groups before duplicates
    joined them (None: they did not); `components` the largest sets of rows that stay together.
    """
    named = strata.map(lambda name: f"{called} {name}", na_action="ignore")
    found = shares(rows, named, rows["group"] if groups is None else groups, asked, tolerance)
    if by_time:
        return times.uneven(found, called)
    faults = [share for share in found if not share.allowed]
    if faults:
        more = f" (and {len(faults) - 1} more such faults)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}: {_cause(faults[0], components, likeness, called)}")
    return _uneven(found, called)


def _cause(fault: Share, components: Sequence[Component], likeness: str, called: str) -> str:
    """Return why a share is not allowed, as far as that can be told, and what helps."""
    excess = abs(fault.rows - fault.expected)
    large = next((one for one in components if one.rows > max(1, excess / 2)), None)
    if large is not None:
        most = f"{large.of_stratum:,} of {called} {short(large.stratum)}"
        what = f"{large.rows:,} rows ({most}) and is {large.split} as a whole"
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


def _components(rows: pd.DataFrame, strata: pd.Series, groups: pd.Series) -> list[Component]:
    """Return the sets of carved rows that stay together, the largest first; `groups` as before they were joined."""
    carved = (~rows["part"].isin(["test", "validation", "unlabelled"])).to_numpy()
    own = rows[carved].assign(single=groups.to_numpy()[carved], stratum=strata[carved])
    found = own.groupby("group").agg(rows=("id", "size"), groups=("single", "nunique"), split=("split", "first"))
    largest = found.sort_values("rows", ascending=False, kind="stable").head(SHOWN)
    components = []
    for name, one in largest.iterrows():
        most, count = Counter(own["stratum"][own["group"] == name]).most_common(1)[0]
        components.append(
            Component(str(name), int(one["rows"]), int(one["groups"]), str(one["split"]), str(most), count)
        )
    return components


def _unlearnable(
    classes: pd.Series, part: pd.Series, in_split: pd.Series, excluded: dict[Any, str], called: str
) -> dict[Any, list[str]]:
    """Return index -> classes without training rows, of the carved rows that have some; DataError for official ones."""
    stays = ~classes.index.isin(list(excluded))
    training = classes[stays & (in_split == "train")]
    if training.empty:
        raise DataError("no rows are left for training: lower split.test and split.validation, or add data")
    learnt = {name for own in training for name in own}
    held = classes[stays & in_split.isin(["test", "validation"])]
    missing = {index: [name for name in own if name not in learnt] for index, own in held.items()}
    lost: dict[Any, list[str]] = {index: names for index, names in missing.items() if names}
    official = [index for index in lost if part[index] in ("test", "validation")]
    if official:
        first = official[0]
        name = lost[first][0]
        count = sum(name in lost[index] for index in official)
        raise DataError(
            f"{called} {short(name)} has {count:,} rows in the official part {part[first]} and none for training: "
            "give it training rows, one name in both parts, or take it out of the source"
        )
    return lost


def _lost_classes(lost: Mapping[Any, Sequence[str]], called: str) -> list[str]:
    counts = Counter(name for index in sorted(lost) for name in lost[index])
    if not counts:
        return []
    named = _listed(counts, called)
    return [f"all rows of {named} would be held out, so they are left out: such {plural(called)} need more groups"]


def plural(noun: str) -> str:
    """Return the plural of what a stratum is called."""
    return f"{noun}{'es' if noun.endswith('s') else 's'}"


def _absent(classes: Sequence[Sequence[str]], in_split: pd.Series, called: str) -> list[str]:
    """Return a line for each held-out split that has no row of some classes."""
    counts: dict[str, Counter[str]] = {}
    for (own, name), rows in Counter(zip(map(tuple, classes), in_split.to_list(), strict=True)).items():
        of_split = counts.setdefault(name, Counter())
        for one in own:
            of_split[one] += rows
    total = sum(counts.values(), Counter())
    lines = []
    for name in ("validation", "test"):
        missing = {one: total[one] for one in sorted(total) if one not in counts.get(name, {})}
        if name in counts and missing:
            told = "its scores say nothing" if name == "test" else "the choice of the best epoch knows nothing"
            lines.append(f"split {name} has no row of {_listed(missing, called)}: {told} about such rows")
    return lines


def _uneven(found: Sequence[Share], called: str) -> list[str]:
    """Return a line for each split whose size, or whose strata's shares, only chance with few groups explains."""
    lines = []
    for name in dict.fromkeys(share.split for share in found):
        sizes = [share for share in found if share.split == name and not share.usual]
        lines += [
            f"split {name} has {share.rows:,} rows, {share.expected:,.0f} were meant: few groups fall unevenly"
            for share in sizes
            if share.stratum is None
        ]
        uneven = {
            share.stratum.removeprefix(f"{called} "): share.rows
            for share in sizes
            if share.stratum is not None and share.rows
        }
        if uneven:
            lines.append(
                f"split {name} has a share of some {plural(called)} that differs by more than split.tolerance, as few "
                f"groups fall: {_listed(uneven, called)}"
            )
    return lines


def _listed(rows_of: Mapping[str, int], called: str) -> str:
    """Return classes, or strata, with their numbers of rows, the first few of many."""
    named = [f"{called} {short(name)} ({n:,} row{'' if n == 1 else 's'})" for name, n in rows_of.items()]
    rest = f" and {len(named) - SHOWN:,} more {plural(called)}" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + rest
