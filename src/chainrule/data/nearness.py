"""Which rows are nearly the same: of several inputs all must be alike."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from chainrule.data.columns import Column
from chainrule.system.errors import DataError

MOST = 20_000_000
"""Pairs of values that are looked up; 480 MB of indices at worst."""


class Alike(NamedTuple):
    """The number [N] of each row's distinct value (or values), and the pairs [P, 2] of numbers that are alike."""

    number: np.ndarray
    pairs: np.ndarray


def near_duplicates(
    inputs: Sequence[Column],
    values: Sequence[Sequence[Any]],
    threshold: float,
    progress: Callable[..., Iterable[Any]] | None = None,
) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of rows that are alike in every input.

    `values` has the normalised values of each input, [N] each; alike is what `near_duplicates` of an input's kind says
    at `threshold`, and what is equal. Where inputs are of several kinds, of which a threshold means something else
    each, it is the first one's, and the others must be equal; nothing is like a value that is not there. Of several
    inputs only distinct values are compared, and then only pairs of rows
    that there are are looked up: that a side repeats often costs nothing.

    Raises DataError as the kinds do, and where over 20 million pairs would have to be looked up.
    """
    if len(inputs) == 1:
        pairs: np.ndarray = inputs[0].kind.near_duplicates(values[0], threshold, progress)
        return pairs
    sides = [
        _side(column, own, threshold if column.kind is inputs[0].kind else None, progress)
        for column, own in zip(inputs, values, strict=True)
    ]
    return _rows(reduce(_both, sides))


def _side(
    column: Column, values: Sequence[Any], threshold: float | None, progress: Callable[..., Iterable[Any]] | None
) -> Alike:
    """Return which values of an input are alike; threshold None: those that are equal alone."""
    numbers: dict[Any, int] = {}
    number = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
    if threshold is None:
        return Alike(number, np.zeros((0, 2), np.int64))
    there = [value for value in numbers if value or not column.optional]
    try:
        pairs = column.kind.near_duplicates(there, threshold, progress)
        return Alike(number, np.array([numbers[value] for value in there], np.int64)[pairs])
    except DataError as error:
        raise DataError(f"{column.name}: {error}") from None


def _both(one: Alike, other: Alike) -> Alike:
    """Return the rows by the two together: a pair is alike where both sides are alike or equal."""
    width = int(other.number.max(initial=0)) + 1
    there, number = np.unique(one.number * width + other.number, return_inverse=True)
    first, second = there // width, there % width
    starts_one, near_one = _neighbours(one.pairs, int(first.max(initial=0)) + 1)
    starts_other, near_other = _neighbours(other.pairs, width)
    count = np.diff(starts_one)[first] * np.diff(starts_other)[second]
    total = int(count.sum())
    if total > MOST:
        raise DataError(
            f"{total:,} pairs of {len(there):,} rows are candidates for near duplicates, as many values of each input "
            "are alike: make clean.near_duplicates stricter"
        )
    item = np.repeat(np.arange(len(there)), count)
    turn = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    others = np.diff(starts_other)[second][item]
    met = near_one[starts_one[first][item] + turn // others] * width
    met += near_other[starts_other[second][item] + turn % others]
    place = np.minimum(np.searchsorted(there, met), len(there) - 1)
    found = (there[place] == met) & (item < place)
    return Alike(number, np.stack([item[found], place[found]], axis=1))


def _neighbours(pairs: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (starts [count + 1], neighbours): those of value v, itself first, lie from starts[v] to starts[v + 1]."""
    own = np.arange(count)
    value = np.concatenate([own, pairs[:, 0], pairs[:, 1]])
    near = np.concatenate([own, pairs[:, 1], pairs[:, 0]])
    starts = np.concatenate([[0], np.cumsum(np.bincount(value, minlength=count))])
    return starts, near[np.argsort(value, kind="stable")]


def _rows(alike: Alike) -> np.ndarray:
    """Return the pairs of rows whose values are alike or equal."""
    by_value = np.argsort(alike.number, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(alike.number))])
    own = np.arange(len(starts) - 1)
    pairs = np.concatenate([np.stack([own, own], axis=1), alike.pairs])
    sizes = np.diff(starts)
    count = sizes[pairs[:, 0]] * sizes[pairs[:, 1]]
    which = np.repeat(np.arange(len(pairs)), count)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    many = sizes[pairs[:, 1]][which]
    rows = np.stack(
        [
            by_value[starts[pairs[which, 0]] + turn // many],
            by_value[starts[pairs[which, 1]] + turn % many],
        ],
        axis=1,
    )
    rows = np.sort(rows, axis=1)
    rows = np.unique(rows[rows[:, 0] < rows[:, 1]], axis=0)
    return rows.astype(np.int64)
