"""How the columns of a table go together, and with the target: a heat map and the strongest pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.system import plugins

ROWS, COLUMNS, NAMES = 20_000, 60, 200
"""Rows that are looked at, columns that are drawn, and different names of a column that is."""
STRONGEST, SAME = 8, 0.98
"""Pairs that are listed, and the strength from which on two columns tell the same."""
METHOD = (
    "Of two numbers: Spearman's rank correlation; of a number and names: the correlation ratio, adjusted (Kelley "
    "1935); of two kinds of names: Cramér's V, corrected for its bias (Bergsma 2013). The last two have no sign."
)


def part(looked: Looked) -> Part | None:
    """Return the associations of a table's columns and the target; nothing of other inputs."""
    kind = plugins.load("exploration.inputs", looked.block["modality"])
    if not hasattr(kind, "variables"):
        return None
    rows = drawn(looked.splits["train"], ROWS, looked.seed)
    target = looked.columns.target.name
    told = plugins.load("exploration.targets", looked.block["target"]).associated(rows[target].tolist())
    columns: dict[str, np.ndarray] = {}
    for column in looked.columns.inputs:
        columns |= kind.variables(rows[column.name].tolist(), looked.cleaning.normalise, NAMES)
    goal = variable(told)
    own = f"{target} (the target)"
    if goal is not None:
        columns = {own: goal} | columns
    if len(columns) < 2:
        raise NotShownError("associations need two columns of numbers, dates or names that repeat")
    names, left = _chosen(columns, own)
    matrix = associations([columns[name] for name in names])
    pairs = _strongest(names, matrix)
    between = [pair for pair in pairs if own not in pair[:2]]
    strongest = [*[pair for pair in pairs if own in pair[:2]][:STRONGEST], *between[:STRONGEST]]
    table = Table("", (Word("columns"), "strength"), [(Word(f"{a} and {b}"), f"{r:+.2f}") for a, b, r in strongest])
    says = f"how {len(names)} columns go together; strongest: " + ", ".join(
        f"{a} and {b} {r:.2f}" for a, b, r in pairs[:3]
    )
    note = f"The {COLUMNS} of {len(columns):,} that go most with the target. " if left else ""
    body = (
        f"<p>{of(len(rows), len(looked.splits['train']), 'training rows')}.</p>{drawing.heat(names, matrix, says)}"
        f'<p class="note">{note}{METHOD}</p>{page.table(table)}'
    )
    look_at = [f"{a!r} and {b!r} tell the same ({r:+.2f})" for a, b, r in between if abs(r) >= SAME]
    numbers = {"strongest": [[a, b, round(r, 4)] for a, b, r in strongest], "look_at": look_at}
    return Part("What goes together", body, numbers)


def _chosen(columns: Mapping[str, np.ndarray], own: str) -> tuple[list[str], int]:
    """Return the columns that are drawn, of more than COLUMNS those that go most with the target; how many are not."""
    names = list(columns)
    if len(names) <= COLUMNS:
        return names, 0
    if own not in columns:
        return names[:COLUMNS], len(names) - COLUMNS
    strength = {name: abs(associations([columns[own], columns[name]])[0, 1]) for name in names if name != own}
    most = set(sorted(strength, key=lambda name: (-np.nan_to_num(strength[name]), name))[: COLUMNS - 1])
    return [own, *(name for name in names if name in most)], len(names) - COLUMNS


def _strongest(names: Sequence[str], matrix: np.ndarray) -> list[tuple[str, str, float]]:
    pairs = [
        (names[one], names[other], float(matrix[one, other]))
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if matrix[one, other] == matrix[one, other]
    ]
    return sorted(pairs, key=lambda pair: (-abs(pair[2]), pair[:2]))


def variable(values: Sequence[Any]) -> np.ndarray | None:
    """Return values as they are compared: float64 [N] of numbers, int64 [N] of names by number, -1 where missing.

    None where there are more than NAMES different names, or fewer than two different values.
    """
    known = {value for value in values if value is not None}
    if len(known) < 2:
        return None
    if all(isinstance(value, float | int) and not isinstance(value, bool) for value in known):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if len(known) > NAMES:
        return None
    number = {value: place for place, value in enumerate(sorted(known, key=str))}
    return np.array([number.get(value, -1) for value in values], np.int64)


def associations(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return float [C, C] from -1 to 1 of columns as `variable` makes them; NaN where a pair has no spread.

    Rows in which one of a pair is missing do not count for it.
    """
    ranks = [_ranks(column) if column.dtype.kind == "f" else None for column in columns]
    matrix = np.eye(len(columns))
    for one in range(len(columns)):
        for other in range(one + 1, len(columns)):
            mine, yours = ranks[one], ranks[other]
            if mine is not None and yours is not None:
                found = _correlation(mine, yours)
            elif mine is None and yours is None:
                found = _cramer(columns[one], columns[other])
            else:
                numbers, names = (mine, columns[other]) if mine is not None else (yours, columns[one])
                assert numbers is not None
                found = _ratio(numbers, names)
            matrix[one, other] = matrix[other, one] = found
    return matrix


def _ranks(numbers: np.ndarray) -> np.ndarray:
    """Return float64 [N]: the mean rank of each number among those that are equal; NaN stays."""
    known = np.isfinite(numbers)
    _, place, counts = np.unique(numbers[known], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = np.full(len(numbers), np.nan)
    ranks[known] = (ends - (counts - 1) / 2)[place]
    return ranks


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    mine, yours = one[both], other[both]
    if not len(mine):
        return float("nan")
    mine, yours = mine - mine.mean(), yours - yours.mean()
    spread = float(np.sqrt((mine @ mine) * (yours @ yours)))
    return float(mine @ yours) / spread if spread else float("nan")


def _ratio(numbers: np.ndarray, names: np.ndarray) -> float:
    """Return the adjusted correlation ratio of numbers within names."""
    both = np.isfinite(numbers) & (names >= 0)
    values, groups = numbers[both], names[both]
    if not len(values):
        return float("nan")
    counts = np.bincount(groups)
    used = int((counts > 0).sum())
    values = values - values.mean()
    total = float(values @ values)
    if not total or used < 2 or len(values) <= used:
        return float("nan")
    sums = np.bincount(groups, weights=values)
    explained = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum()) / total
    return float(np.sqrt(max(0.0, 1 - (1 - explained) * (len(values) - 1) / (len(values) - used))))


def _cramer(one: np.ndarray, other: np.ndarray) -> float:
    """Return Cramér's V of two columns of names, corrected for its bias."""
    both = (one >= 0) & (other >= 0)
    mine, yours = one[both], other[both]
    rows = len(mine)
    if rows < 2:
        return float("nan")
    wide = int(yours.max()) + 1
    counts = np.bincount(mine * wide + yours, minlength=(int(mine.max()) + 1) * wide).reshape(-1, wide).astype(float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    down, across = counts.shape
    if min(down, across) < 2:
        return float("nan")
    expected = counts.sum(axis=1, keepdims=True) @ counts.sum(axis=0, keepdims=True) / rows
    phi = float(((counts - expected) ** 2 / expected).sum()) / rows
    phi = max(0.0, phi - (down - 1) * (across - 1) / (rows - 1))
    least = min(down - (down - 1) ** 2 / (rows - 1), across - (across - 1) ** 2 / (rows - 1)) - 1
    return float(np.sqrt(min(1.0, phi / least))) if least > 0 else float("nan")
