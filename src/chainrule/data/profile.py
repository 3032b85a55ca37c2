"""What a table's columns hold, and which of them a reader should look at before anything is trained on them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

GIVEN_AWAY = 0.97
"""Share of what there is to tell of the target from which on a column that tells it alone is named."""
FENCE, FAR = 3.0, 10.0
"""Interquartile ranges beyond the quartiles: outliers (Tukey's outer fences, 1977), and those that are named."""
MOSTLY = 0.5
"""Share of missing cells, or of different names, from which on a column is named."""
_ID = 0.95
_FEW = 50  # rows below which nothing can be said
_LOOKED_AT = 100_000  # rows that are looked at for what tells the target
_BINS, _IN_BIN = 256, 20
"""Most parts of a column's numbers, and rows in each."""


class Profile(NamedTuple):
    """By column what it holds, as plain data, and what a reader should look at, in words."""

    columns: list[dict[str, Any]]
    warnings: list[str]


def profile(table: "pa.Table", kinds: Mapping[str, str], targets: Sequence[Any]) -> Profile:
    """Return what the columns of clean rows hold; `targets` [N] are names or numbers, None of rows that have none.

    kinds: by column, as clean.normalise lists them. Each column has `column`, `kind`, `missing` and `distinct`
    (both counts); numbers and dates `lowest`, `median` and `highest`; numbers `outliers`, how many cells lie more than
    FENCE interquartile ranges beyond the quartiles; others `commonest` and `of_commonest`, how many cells hold it.
    """
    found = [_Column(name, kind, table[name], table[name].drop_null()) for name, kind in kinds.items()]
    said = [_told(column) for column in found]
    warnings = [warning for column, own in zip(found, said, strict=True) for warning in _warnings(column, own)]
    return Profile(said, [*warnings, *_given_away(found, targets)])


class _Column(NamedTuple):
    """One column: all of its cells, and those that are not missing."""

    name: str
    kind: str
    cells: "pa.ChunkedArray"
    known: "pa.ChunkedArray"


def _told(column: _Column) -> dict[str, Any]:
    import pyarrow.compute as pc

    known = column.known
    missing, distinct = len(column.cells) - len(known), pc.count_distinct(known).as_py() if len(known) else 0
    said: dict[str, Any] = {"column": column.name, "kind": column.kind, "missing": missing, "distinct": distinct}
    if not len(known):
        return said
    if column.kind == "number":
        numbers = known.to_numpy()
        low, median, high = np.quantile(numbers, (0.25, 0.5, 0.75), method="nearest")
        ends = {"lowest": float(numbers.min()), "median": float(median), "highest": float(numbers.max())}
        return said | ends | {"outliers": int(_beyond(numbers, low, high, FENCE).sum())}
    if column.kind == "date":
        dates = np.sort(known.to_numpy().astype(str))
        return said | {"lowest": str(dates[0]), "median": str(dates[len(dates) // 2]), "highest": str(dates[-1])}
    counts = known.value_counts()
    place = pc.index(counts.field(1), pc.max(counts.field(1))).as_py()
    commonest = _shown(counts.field(0)[place].as_py())
    return said | {"commonest": commonest, "of_commonest": counts.field(1)[place].as_py()}


def _codes(column: _Column) -> np.ndarray:
    """Return int64 [N]: which value a cell holds, or in which of equal parts the number lies; missing is one."""
    if column.kind == "number" and len(column.known):
        numbers, parts = column.cells.to_numpy(), min(_BINS, len(column.known) // _IN_BIN + 1)
        edges = np.unique(np.quantile(column.known.to_numpy(), np.linspace(0, 1, parts + 1), method="nearest"))
        return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
    encoded = column.cells.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(), np.int64)


def _beyond(numbers: np.ndarray, low: float, high: float, times: float) -> np.ndarray:
    """Return which numbers lie so many interquartile ranges beyond the quartiles; none where half are equal."""
    reach = times * (high - low)
    return ((numbers < low - reach) | (numbers > high + reach)) & (high > low)


def _warnings(column: _Column, said: Mapping[str, Any]) -> list[str]:
    name, rows, known, distinct = repr(column.name), len(column.cells), len(column.known), said["distinct"]
    option = f"clean.normalise.{column.kind}"
    if not known:
        return [f"column {name}: every cell is missing; leave it out of {option}, or look at how it is written"]
    found = []
    if distinct == 1:
        missing = f", or missing ({said['missing']:,})" if said["missing"] else ""
        return [f"column {name}: all cells hold {_shown(column.known[0].as_py())}{missing}; leave it out of {option}"]
    if said["missing"] > MOSTLY * rows:
        found.append(f"column {name}: {said['missing']:,} of {rows:,} cells are missing")
    if rows < _FEW:
        return found
    if _is_id(column, distinct):
        found.append(
            f"column {name}: {distinct:,} different values in {known:,} rows, as ids have, tell nothing of other rows; "
            f"leave it out of {option}"
        )
    elif column.kind == "category" and distinct > MOSTLY * known:
        found.append(
            f"column {name}: {distinct:,} different names in {known:,} rows, most too rare to learn from; list it "
            "under text, or leave it out"
        )
    elif column.kind == "number" and (far := _far(column)):
        found.append(far)
    return found


def _is_id(column: _Column, distinct: int) -> bool:
    """Whether a column numbers or names the rows: names that hardly repeat, whole numbers that leave few gaps."""
    known = len(column.known)
    if distinct < _ID * known or known < _FEW:
        return False
    if column.kind == "number":
        numbers = column.known.to_numpy()
        whole = bool((numbers == np.floor(numbers)).all())
        return whole and distinct == known and float(numbers.max() - numbers.min()) < 2 * known
    if column.kind == "text":
        return not any(" " in cell for cell in column.known.slice(0, 1000).to_pylist())
    return column.kind == "category"


def _far(column: _Column) -> str | None:
    """Return a warning where a few numbers lie beyond a gap: a long tail, in which numbers thin out, is no mistake."""
    numbers = column.known.to_numpy()
    low, high = (float(each) for each in np.quantile(numbers, (0.25, 0.75), method="nearest"))
    far = _beyond(numbers, low, high, FAR)
    count, gap = int(far.sum()), FENCE * (high - low)
    if not count or count > 0.001 * len(numbers) + 1:
        return None
    inside = numbers[~far]
    if ((numbers[far] < inside.max() + gap) & (numbers[far] > inside.min() - gap)).any():
        return None
    furthest = numbers[far][np.abs(numbers[far] - (low + high) / 2).argmax()]
    bounds = f"{{{column.name}: [{inside.min():g}, {inside.max():g}]}}"
    return (
        f"column {column.name!r}: {count:,} of {len(numbers):,} numbers lie far from all others, such as {furthest:g}; "
        f"if they are wrong, clean.normalise.ranges: {bounds} and outside say what becomes of them"
    )


def _given_away(columns: Sequence[_Column], targets: Sequence[Any]) -> list[str]:
    """Return a warning for each column that alone tells the target of rows that it was not shown."""
    known = np.array([target is not None and target == target for target in targets], bool)
    at = np.flatnonzero(known)
    at = at[:: max(1, len(at) // _LOOKED_AT)]
    if len(at) < 2 * _FEW:
        return []
    own = [targets[index] for index in at.tolist()]
    told: Callable[[np.ndarray], float]
    if isinstance(own[0], float):
        told = partial(_numbers_told, target=np.asarray(own))
    else:
        names, places = np.unique(np.asarray(own, dtype=object), return_inverse=True)
        told = partial(_names_told, target=places, names=len(names))
    shares = ((column, told(_codes(column)[at])) for column in columns)
    return [
        f"column {column.name!r} alone tells {share:.0%} of what there is to tell of the target: if it is not known "
        f"before the target is, leave it out of clean.normalise.{column.kind}"
        for column, share in shares
        if share >= GIVEN_AWAY
    ]


def _names_told(codes: np.ndarray, target: np.ndarray, names: int) -> float:
    """Return how much of what guessing gets wrong is right where each value says the commonest name beside it.

    target: which of so many names each row has. What a value says is learnt of every other row, and looked at on the
    rest.
    """
    size = (int(codes.max()) + 1) * names
    if names < 2 or size > 50_000_000:
        return 0.0
    commonest = int(np.bincount(target[::2]).argmax())
    counts = np.bincount(codes[::2] * names + target[::2], minlength=size).reshape(-1, names)
    says = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), commonest)
    base = float((target[1::2] == commonest).mean())
    right = float((says[codes[1::2]] == target[1::2]).mean())
    return (right - base) / (1 - base) if base < 1 else 0.0


def _numbers_told(codes: np.ndarray, target: np.ndarray) -> float:
    """Return the same of numbers: R² of the means beside each value."""
    mean = target[::2].mean()
    counts = np.bincount(codes[::2], minlength=int(codes.max()) + 1)
    sums = np.bincount(codes[::2], weights=target[::2] - mean, minlength=len(counts))
    says = mean + sums / np.maximum(counts, 1)
    rest = target[1::2]
    spread = float(((rest - rest.mean()) ** 2).sum())
    return 1 - float(((rest - says[codes[1::2]]) ** 2).sum()) / spread if spread else 0.0


def _shown(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
