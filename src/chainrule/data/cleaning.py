"""From raw rows to kept and rejected ones. Nothing is dropped: kept + rejected = raw."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.columns import Columns
from chainrule.data.duplicates import anchored
from chainrule.data.nearness import near_duplicates as alike
from chainrule.data.normalising import Normal, key, laid_over, normal, normalisers
from chainrule.fields.names import renaming
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

# Called with items, what is done with them, and their unit unless they are rows.
Progress = Callable[..., Iterable[Any]]

SHOWN = 4
"""Reasons that a message names."""

PARTS = ("train", "validation", "test", "unlabelled")

# Who keeps an input that several rows have: what was published for testing stays; training makes way.
_RANK = {"test": 0, "validation": 1, "train": 2, None: 2, "unlabelled": 3}


class Cleaned(NamedTuple):
    """What `clean` returns.

    kept: the columns of raw rows less `problem`, inputs and target normalised. rejected: `id, origin, reason, detail`
    and the target as found; reasons: how many for each. links: rows that belong together, `id` (kept), `other`,
    `other_group`, `kind`: "near" (both are kept), "apart" (both are kept and alike, but tied to different anchors, or
    to none: see duplicates.anchored), "copy" or "unlabelled_copy" (the other is rejected as a duplicate, yet its group
    is now tied to the kept row's). repairs: rows by kind of repair. counts: numbers for the report.
    """

    kept: pd.DataFrame
    rejected: pd.DataFrame
    links: pd.DataFrame
    reasons: dict[str, int]
    repairs: dict[str, int]
    counts: dict[str, int]


def clean(
    rows: pd.DataFrame,
    columns: Columns,
    rules: ModuleType,
    *,
    normalise: Mapping[str, Any],
    near_duplicates: float,
    labels: Mapping[str, Any] | None = None,
    contradictions: str = "reject",
    progress: Progress | None = None,
) -> Cleaned:
    """Normalise inputs and target, turn away what cannot be used and find duplicates.

    `columns` are the task's, `rules` its module `rows`. Reasons, in the order in which they are looked for: those of
    `normalising.normal`; then, by the keys of the inputs, duplicate_of_test_row and duplicate_of_validation_row
    (the copy outside of an official part makes way; copies within one are published so and stay, counted),
    conflicting_labels (all rows of part train or none that share their inputs and have targets that contradict each
    other; with `contradictions` "majority" outvoted instead, where one target is of more of these rows than any other:
    the first row of it stays), exact_duplicate (the first stays, with its own target; a labelled row goes before an
    unlabelled one). `labels` are the options of clean.labels.
    Where equal inputs are as many observations to their kinds, rows of a table, none of these is looked for.

    Raises DataError for a missing column, a repeated id or an unknown part.
    """
    _check(rows, columns)
    rows = rows.reset_index(drop=True)
    rename = renaming(labels)
    verdicts: dict[int, tuple[str, str]] = {}
    usable: dict[int, Normal] = {}
    problems = rows["problem"].to_list() if "problem" in rows else [None] * len(rows)
    raw = zip(*(rows[column.name].to_list() for column in columns.inputs), strict=True)
    own, over = normalisers(columns, normalise), laid_over(columns, normalise)
    given = rows[columns.target.name].to_list(), rows["part"].to_list()
    steps: Iterable[Any] = enumerate(zip(raw, *given, problems, strict=True))
    for index, (inputs, target, part, problem) in steps if progress is None else progress(list(steps), "normalise"):
        try:
            usable[index] = normal(inputs, target, part, problem, columns, own, rename, over)
        except Reject as rejection:
            verdicts[index] = (rejection.reason, rejection.detail)

    repairs = Counter(repair for row in usable.values() for repair in row.repairs)
    repaired = sum(bool(row.repairs) for row in usable.values())
    parts = [None if part is None or part != part else str(part) for part in given[1]]
    copies, within_official = _duplicates(rows, parts, usable, columns, rules, verdicts, contradictions)

    kept_at = [index for index in usable if index not in verdicts]
    values = [[usable[index].inputs[place] for index in kept_at] for place in range(len(columns.inputs))]
    values, filled = _filled(columns, values, [parts[index] for index in kept_at], normalise)
    repairs.update(filled)
    targets = [usable[index].target for index in kept_at]
    pairs = alike(columns.inputs, values, near_duplicates, progress)
    if hasattr(columns.target.kind, "near_duplicates"):
        pairs = _united(
            pairs, alike((columns.target,), [[value or "" for value in targets]], near_duplicates, progress)
        )
    kept = rows.iloc[kept_at].drop(columns="problem", errors="ignore").reset_index(drop=True)
    for column, own in zip(columns.inputs, values, strict=True):
        kept[column.name] = pd.Series(own, dtype=column.kind.DTYPE)
    kept[columns.target.name] = pd.Series(targets, dtype=columns.target.kind.DTYPE)
    tied = _tied(kept, pairs)
    rejected = _rejected(rows, columns.target.name, verdicts)
    assert len(kept) + len(rejected) == len(rows), "a row was lost"
    counts = {
        "raw": len(rows),
        "kept": len(kept),
        "rejected": len(rejected),
        "repaired": repaired,
        "duplicates_within_official_parts": within_official,
        "near_duplicate_pairs": len(pairs),
        "near_duplicate_pairs_apart": int((~tied).sum()),
    }
    reasons = dict(sorted(Counter(rejected["reason"]).items()))
    links = _links(rows, kept, pairs, tied, copies)
    return Cleaned(kept, rejected, links, reasons, dict(sorted(repairs.items())), counts)


def refuse_bad(rejected: pd.DataFrame, raw: int, most: float) -> None:
    """Raise DataError where more than a share `most` of the `raw` rows cannot be read, or not be used by themselves.

    It names each reason with a row. Copies, contradictions and labels that are not wanted are no fault of a row's own.
    """
    bad = rejected[~rejected["reason"].str.contains("duplicate|conflicting_labels|outvoted|dropped_label")]
    if len(bad) <= most * raw:
        return
    counts = bad["reason"].value_counts()
    first = bad.drop_duplicates("reason").set_index("reason")
    examples = dict(zip(first.index, first["origin"] + ": " + first["detail"].str[:80], strict=True))
    named = [f"{reason} {count:,} (such as {examples[reason]})" for reason, count in counts[:SHOWN].items()]
    more = f", and {len(counts) - SHOWN} more reasons" if len(counts) > SHOWN else ""
    raise DataError(
        f"{len(bad):,} of {raw:,} rows ({len(bad) / raw:.0%}) cannot be used, clean.most_bad is {most:g}: "
        f"{', '.join(named)}{more}; mend the source or what the recipe says of it, or raise clean.most_bad"
    )


def targets(kept: pd.DataFrame, target: str, rules: ModuleType, reasons: Mapping[str, int]) -> list[Any]:
    """Return the targets of the labelled rows; DataError unless there is something to learn from kept rows.

    `reasons` says what became of the other rows.
    """
    labelled = kept[kept["part"].isna() | (kept["part"] != "unlabelled")]
    fault = rules.unlearnable(labelled[target][~labelled["part"].isin(["test", "validation"])].to_list())
    if fault:
        gone = f" (rejected: {', '.join(f'{name} {n:,}' for name, n in reasons.items())})" if reasons else ""
        found, comma, needed = fault.rpartition(", and ")
        raise DataError(
            f"of {len(kept):,} clean rows those to learn from are {found}{gone}{comma}{needed}: "
            f"look at the source's {target}{'' if target.endswith('s') else 's'}"
        )
    return labelled[target].to_list()


def _check(rows: pd.DataFrame, columns: Columns) -> None:
    """Refuse frames that break the contract of raw rows: a fault of the source, not of one row."""
    fields = [field.name for field in columns.fields]
    missing = [name for name in ("id", "group", *fields, "part", "origin") if name not in rows]
    if missing:
        raise DataError(
            f"raw rows lack the columns {', '.join(missing)}: ingest again from a source that gives {', '.join(fields)}"
        )
    for name in ("id", "group"):
        if rows[name].isna().any():
            at = int(np.flatnonzero(rows[name].isna())[0])
            raise DataError(f"{rows['origin'].iloc[at]}: row {at} has no {name}; every row needs one")
    repeated = rows["id"].duplicated()
    if repeated.any():
        at = int(np.flatnonzero(repeated)[0])
        raise DataError(
            f"{rows['origin'].iloc[at]}: id {rows['id'].iloc[at]!r} is used twice "
            f"({int(repeated.sum())} such rows); ids must be unique within a recipe"
        )
    unknown = rows["part"].notna() & ~rows["part"].isin(PARTS)
    if unknown.any():
        at = int(np.flatnonzero(unknown)[0])
        raise DataError(
            f"{rows['origin'].iloc[at]}: part {rows['part'].iloc[at]!r} is none of "
            f"{', '.join(PARTS)} (or empty: to be split)"
        )


def _united(pairs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return pairs [P, 2] of rows that are alike on either side, sorted, each once."""
    return np.unique(np.concatenate([pairs, others]).astype(np.int64).reshape(-1, 2), axis=0)


def _filled(
    columns: Columns, values: list[list[Any]], parts: Sequence[str | None], normalise: Mapping[str, Any]
) -> tuple[list[list[Any]], Counter[str]]:
    """Return the values of each input with what the rows before them say of a row, and how often they did."""
    repairs: Counter[str] = Counter()
    for place, column in enumerate(columns.inputs):
        if hasattr(column.kind, "filled"):
            values[place], counted = column.kind.filled(values[place], parts, normalise)
            repairs.update(counted)
    return values, repairs


def _duplicates(
    rows: pd.DataFrame,
    parts: list[str | None],
    usable: dict[int, Normal],
    columns: Columns,
    rules: ModuleType,
    verdicts: dict[int, tuple[str, str]],
    contradictions: str,
) -> tuple[list[tuple[int, int]], int]:
    """Add verdicts on duplicates; return (kept, rejected) indices and how many copies official parts keep."""
    if all(hasattr(column.kind, "OBSERVED") for column in columns.inputs):
        return [], 0
    same: dict[Any, list[int]] = {}
    for index, row in usable.items():
        same.setdefault(key(columns, row.inputs), []).append(index)
    copies: list[tuple[int, int]] = []
    within_official = 0
    own = {index: row.target for index, row in usable.items()}
    ids = rows["id"].to_list()
    for members in same.values():
        if len(members) == 1:
            continue
        rank = min(_RANK[parts[index]] for index in members)
        best = [index for index in members if _RANK[parts[index]] == rank]
        others = [index for index in members if _RANK[parts[index]] > rank]
        if rank <= 1:
            within_official += len(best) - 1
            reason = f"duplicate_of_{parts[best[0]]}_row"
        elif (
            rank == 2
            and contradictions == "majority"
            and rules.contradictory([own[index] for index in best])
            and (winner := _winner([own[index] for index in best])) is not None
        ):
            ours = [index for index in best if own[index] == winner]
            lost = [index for index in best if own[index] != winner]
            for index in lost:
                they = f"{len(ours)} of {len(best)} rows with the same input"
                said = f"{they} say {_told(columns, winner)}, as {ids[ours[0]]} does"
                verdicts[index] = ("outvoted", said)
                copies.append((ours[0], index))
            best, others = ours[:1], ours[1:] + others
            reason = "exact_duplicate"
        elif rank == 2 and rules.contradictory([own[index] for index in best]):
            for index in best:
                rival = next(other for other in best if own[other] != own[index])
                verdicts[index] = (
                    "conflicting_labels",
                    f"{ids[rival]} has the same input and {columns.target.name} {_told(columns, own[rival])}",
                )
            best, others = others[:1], others[1:]  # the labels are in doubt, an unlabelled copy is not
            reason = "exact_duplicate"
        else:
            best, others = best[:1], best[1:] + others
            reason = "exact_duplicate"
        for index in others:
            differs = reason == "exact_duplicate" and own[index] is not None and own[index] != own[best[0]]
            detail = f", whose {columns.target.name} is {_told(columns, own[best[0]])}" if differs else ""
            verdicts[index] = (reason, f"same input as {ids[best[0]]}{detail}")
            copies.append((best[0], index))
    return copies, within_official


def _told(columns: Columns, value: Any) -> Any:
    """Return a target as a message names it."""
    kind = columns.target.kind
    return kind.short(value) if hasattr(kind, "short") else value


def _winner(values: list[Any]) -> Any:
    """Return the value that is there more often than any other; None where two are."""
    (first, most), (_, next_most) = Counter(values).most_common(2)
    return first if most > next_most else None


def _rejected(rows: pd.DataFrame, target: str, verdicts: dict[int, tuple[str, str]]) -> pd.DataFrame:
    at = sorted(verdicts)
    rejected = rows.iloc[at][["id", "origin"]].reset_index(drop=True)
    rejected["reason"] = pd.Series([verdicts[index][0] for index in at], dtype="str")
    rejected["detail"] = pd.Series([verdicts[index][1] for index in at], dtype="str")
    rejected[target] = pd.Series(rows[target].iloc[at].to_list(), dtype="str")
    return rejected


def _tied(kept: pd.DataFrame, pairs: np.ndarray) -> np.ndarray:
    """Return which near duplicates tie their groups, bool [P]: between groups to be split, those with an anchor.

    What is like an official held-out row or an unlabelled one is looked at pair by pair when rows are split.
    """
    to_split = ~kept["part"].isin(["test", "validation", "unlabelled"]).to_numpy()
    _, group = np.unique(kept["group"].to_numpy(dtype=object), return_inverse=True)
    one, other = pairs[:, 0], pairs[:, 1]
    between = to_split[one] & to_split[other] & (group[one] != group[other])
    tied = np.ones(len(pairs), bool)
    tied[between] = anchored(pairs[between])
    return tied


def _links(
    rows: pd.DataFrame, kept: pd.DataFrame, pairs: np.ndarray, tied: np.ndarray, copies: list[tuple[int, int]]
) -> pd.DataFrame:
    stays, goes = [pair[0] for pair in copies], [pair[1] for pair in copies]
    unlabelled = (rows["part"].iloc[goes] == "unlabelled").to_numpy()
    links = {
        "id": [*rows["id"].iloc[stays], *kept["id"].iloc[pairs[:, 0]]],
        "other": [*rows["id"].iloc[goes], *kept["id"].iloc[pairs[:, 1]]],
        "other_group": [*rows["group"].iloc[goes], *kept["group"].iloc[pairs[:, 1]]],
        "kind": [*np.where(unlabelled, "unlabelled_copy", "copy"), *np.where(tied, "near", "apart")],
    }
    return pd.DataFrame(links, dtype="str")
