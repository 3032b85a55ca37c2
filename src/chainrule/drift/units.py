"""What is permuted: rows, or whole groups of them, so that rows of one group never speak as independent witnesses."""

from math import comb
from typing import NamedTuple

import numpy as np

PERMUTATIONS = 999
MIN_GROUPS = 20
"""Groups that a reference must have to tell how much groups differ among themselves."""
MIN_ROWS = 20
"""Rows of a sample below which nothing is said."""


class Units(NamedTuple):
    """Rows of reference and current, pooled in this order, and what holds them together."""

    kind: str
    """"row" or "group"."""
    reference: np.ndarray
    """Places of the reference's rows that are used, int64."""
    current: np.ndarray
    """Places of the current rows that are used, int64."""
    of_row: np.ndarray
    """The unit of each used row, reference first, int64 [N]; units of the reference have the lower numbers."""
    counts: tuple[int, int]
    """Units of the reference and of the current rows."""
    note: str
    """How units came about, in words."""


def make(
    reference: np.ndarray | None, current: np.ndarray | None, rows: tuple[int, int], rng: np.random.Generator
) -> Units:
    """Return what may be permuted, from the groups of either sample (None: every row by itself).

    Groups are exchangeable only if they are of about one size. So each gives at most as many rows as groups have on
    average in the sample where they are smaller, drawn by `rng`.
    """
    samples = [
        np.arange(count).astype(str) if groups is None else groups
        for groups, count in zip((reference, current), rows, strict=True)
    ]
    sizes = [len(names) / max(len(np.unique(names)), 1) for names in samples]
    grouped = max(sizes) > 1
    found = len(np.unique(samples[0]))
    if not grouped or found < MIN_GROUPS:
        note = "rows are permuted one by one: neither sample has groups of several rows"
        if grouped:
            note = (
                f"rows are permuted one by one: the reference has {found} groups, too few (under {MIN_GROUPS}) to tell "
                "how much groups differ, so a new group that differs counts as drift"
            )
        places = [np.arange(count) for count in rows]
        of_row = np.arange(sum(rows))
        return Units("row", places[0], places[1], of_row, (rows[0], rows[1]), note)
    most = max(1, int(min(sizes)))
    places = [_at_most(names, most, rng) for names in samples]
    numbers = [np.unique(names[place], return_inverse=True)[1] for names, place in zip(samples, places, strict=True)]
    counts = (int(numbers[0].max(initial=-1)) + 1, int(numbers[1].max(initial=-1)) + 1)
    note = f"whole groups are permuted, at most {most} row{'s' if most > 1 else ''} of each"
    if reference is None or current is None or min(sizes) == 1:
        note += ": one of the samples says nothing of groups, its rows are taken as independent"
    return Units("group", places[0], places[1], np.append(numbers[0], numbers[1] + counts[0]), counts, note)


def too_few(units: Units, rows: tuple[int, int], alpha: float) -> str:
    """Return why nothing can be said of these samples at the level `alpha`; "" if something can."""
    for name, count in zip(("reference", "current"), rows, strict=True):
        if count < MIN_ROWS:
            return f"{count} {name} rows; under {MIN_ROWS} nothing is said"
    ways = comb(sum(units.counts), units.counts[1])
    if ways * alpha < 10:
        count = units.counts[1]
        return (
            f"the current rows are of {count} group{'s' if count != 1 else ''}, too few to permute; collect more groups"
        )
    return ""


def assignments(units: Units, rng: np.random.Generator) -> np.ndarray:
    """Return bool [1 + PERMUTATIONS, U]: which units are called current; the first row is what they are."""
    total = sum(units.counts)
    found = np.zeros((1 + PERMUTATIONS, total), bool)
    found[0, units.counts[0] :] = True
    for row in found[1:]:
        row[rng.permutation(total)[: units.counts[1]]] = True
    return found


def _at_most(names: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return places of at most `most` rows of each name, in order."""
    shuffled = rng.permutation(len(names))
    order = shuffled[np.argsort(names[shuffled], kind="stable")]
    ranked = names[order]
    first = np.searchsorted(ranked, ranked)
    return np.sort(order[np.arange(len(names)) - first < most])
