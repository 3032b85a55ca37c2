"""From raw rows to kept and rejected ones. Nothing is dropped: kept + rejected = raw."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.duplicates import anchored
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

# Called with items, what is done with them, and their unit unless they are rows.
Progress = Callable[..., Iterable[Any]]

PARTS = ("train", "validation", "test", "unlabelled")

# Who keeps an input that several rows have: what was published for testing stays; training makes way.
_RANK = {"test": 0, "validation": 1, "train": 2, None: 2, "unlabelled": 3}


class Cleaned(NamedTuple):
    """What `clean` returns.

    kept: the columns of raw rows less `problem`, inputs normalised. rejected: `id, origin, reason, detail,
    label`; reasons: how many for each. links: rows that belong together, `id` (kept), `other`, `other_group`,
    `kind`: "near" (both are kept), "apart" (both are kept and alike, but tied to different anchors, or to none:
    see duplicates.anchored), "copy" or "unlabelled_copy" (the other is rejected as a duplicate, yet its group is
    now tied to the kept row's). repairs: rows by kind of repair. counts: numbers for the report.
    """

    kept: pd.DataFrame
    rejected: pd.DataFrame
    links: pd.DataFrame
    reasons: dict[str, int]
    repairs: dict[str, int]
    counts: dict[str, int]


def clean(
    rows: pd.DataFrame,
    modality: ModuleType,
    *,
    normalise: Mapping[str, Any],
    near_duplicates: float,
    progress: Progress | None = None,
) -> Cleaned:
    """Normalise inputs, turn away what cannot be used and find duplicates.

    `modality` is chainrule.fields.image or chainrule.fields.text. Reasons, in the order in which they are looked
    for: what the source put into `problem`; missing_input; those of the modality; missing_label (unless the
    part is unlabelled); then, by the modality's key, duplicate_of_test_row and duplicate_of_validation_row
    (the copy outside of an official part makes way; copies within one are published so and stay, counted),
    conflicting_labels (all rows of part train or none that share an input but not a label), exact_duplicate
    (the first stays; a labelled row goes before an unlabelled one).

    Raises DataError for a missing column, a repeated id or an unknown part.
    """
    _check(rows, modality.INPUT)
    rows = rows.reset_index(drop=True)
    verdicts: dict[int, tuple[str, str]] = {}
    values: list[Any] = [None] * len(rows)
    repairs: Counter[str] = Counter()
    repaired = 0
    problems = rows["problem"] if "problem" in rows else [None] * len(rows)
    columns = zip(rows[modality.INPUT], rows["label"], rows["part"], problems, strict=True)
    steps: Iterable[Any] = enumerate(columns)
    for index, (raw, label, part, problem) in steps if progress is None else progress(list(steps), "normalise"):
        try:
            values[index], done = _value(raw, label, part, problem, modality, normalise)
        except Reject as rejection:
            verdicts[index] = (rejection.reason, rejection.detail)
            continue
        repairs.update(done)
        repaired += bool(done)

    readable = [index for index in range(len(rows)) if index not in verdicts]
    parts = [None if pd.isna(part) else str(part) for part in rows["part"]]
    keys = {index: modality.key(values[index]) for index in readable}
    copies, within_official = _duplicates(rows, parts, keys, verdicts)

    kept_at = [index for index in readable if index not in verdicts]
    pairs = modality.near_duplicates([values[index] for index in kept_at], near_duplicates, progress)
    kept = rows.iloc[kept_at].drop(columns="problem", errors="ignore").reset_index(drop=True)
    inputs = [values[index] for index in kept_at]
    kept[modality.INPUT] = pd.Series(inputs, dtype="str" if modality.INPUT == "text" else "object")
    tied = _tied(kept, pairs)
    rejected = _rejected(rows, verdicts)
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


def classes(kept: pd.DataFrame, reasons: Mapping[str, int]) -> list[str]:
    """Return the names of the labelled rows' classes; DataError unless two or more can be learnt from kept rows.

    `reasons` says what became of the other rows.
    """
    labelled = kept[kept["part"].isna() | (kept["part"] != "unlabelled")]
    known = sorted(labelled["label"][~labelled["part"].isin(["test", "validation"])].unique())
    if len(known) < 2:
        found = f"only of class {known[0]}" if known else "none"
        gone = f" (rejected: {', '.join(f'{name} {n:,}' for name, n in reasons.items())})" if reasons else ""
        raise DataError(
            f"of {len(kept):,} clean rows those to learn from are {found}{gone}, and a classifier needs two classes: "
            "look at the source's labels"
        )
    return sorted(labelled["label"].unique())


def _check(rows: pd.DataFrame, column: str) -> None:
    """Refuse frames that break the contract of raw rows: a fault of the source, not of one row."""
    missing = [name for name in ("id", "group", column, "label", "part", "origin") if name not in rows]
    if missing:
        raise DataError(f"raw rows lack the columns {', '.join(missing)}: ingest again from a source of {column}s")
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


def _value(
    raw: Any, label: Any, part: Any, problem: Any, modality: ModuleType, options: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Return the normalised input of one row and its repairs, or raise Reject."""
    if not _absent(problem):
        reason, _, detail = str(problem).partition(": ")
        raise Reject(reason, detail or "found by the source")
    if not isinstance(raw, bytes):
        raise Reject("missing_input", f"no {modality.INPUT}")
    value, repairs = modality.normalise(raw, **options)
    if part != "unlabelled" and _absent(label):
        raise Reject("missing_label", "no label, and the row is not in the part unlabelled")
    return value, repairs


def _absent(value: Any) -> bool:
    return value is None or value is pd.NA or value != value or not str(value).strip()


def _duplicates(
    rows: pd.DataFrame,
    parts: list[str | None],
    keys: dict[int, Any],
    verdicts: dict[int, tuple[str, str]],
) -> tuple[list[tuple[int, int]], int]:
    """Add verdicts on duplicates; return (kept, rejected) indices and how many copies official parts keep."""
    same: dict[Any, list[int]] = {}
    for index, value in keys.items():
        same.setdefault(value, []).append(index)
    copies: list[tuple[int, int]] = []
    within_official = 0
    labels = rows["label"].to_list()
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
        elif rank == 2 and len({labels[index] for index in best}) > 1:
            for index in best:
                rival = next(other for other in best if labels[other] != labels[index])
                verdicts[index] = (
                    "conflicting_labels",
                    f"{ids[rival]} has the same input and label {labels[rival]}",
                )
            best, others = others[:1], others[1:]  # the labels are in doubt, an unlabelled copy is not
            reason = "exact_duplicate"
        else:
            best, others = best[:1], best[1:] + others
            reason = "exact_duplicate"
        for index in others:
            verdicts[index] = (reason, f"same input as {ids[best[0]]}")
            copies.append((best[0], index))
    return copies, within_official


def _rejected(rows: pd.DataFrame, verdicts: dict[int, tuple[str, str]]) -> pd.DataFrame:
    at = sorted(verdicts)
    rejected = rows.iloc[at][["id", "origin"]].reset_index(drop=True)
    rejected["reason"] = pd.Series([verdicts[index][0] for index in at], dtype="str")
    rejected["detail"] = pd.Series([verdicts[index][1] for index in at], dtype="str")
    rejected["label"] = pd.Series(rows["label"].iloc[at].to_list(), dtype="str")
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
