"""Slices of rows in which a model does worse than on the rest: every condition, every pair of them, tested.

As SliceLine (Sagadeeva and Boehm 2021) has it, the rows and errors of all pairs of conditions are two products of
matrices. As SliceFinder (Chung et al. 2019) has it, a slice must be significant, and what a simpler slice explains is
not named once more: of the significant slices the surest is taken, its rows are put aside, and another stays only if it
is significant on the rows that are left.

Many looks find something anywhere. So each p is multiplied by the number of looks (Bonferroni), single conditions and
pairs having half of the level each; slices too small to be significant even if every wrong row lay in them are no looks
(Tarone 1990, "A modified Bonferroni method for discrete data").
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import group_index
from chainrule.evaluation.slices import chances
from chainrule.evaluation.slices.asked import GROUP
from chainrule.evaluation.slices.conditions import Condition

LEVEL = 0.05
"""The chance that anything at all is found where the model fails alike everywhere."""
_LARGEST = 0.5  # of all rows: a slice that holds more is the rule, not a slice
_NARROWED = 0.95  # a pair that leaves more of the rows of one of its conditions says no more than that one
MOST = 2000
"""Conditions that are asked for: of K of them there are K² / 2 pairs."""
_CELLS = 1 << 24  # rows times conditions that are multiplied at once


class Slice(NamedTuple):
    """Rows bool [N] for which one or two conditions hold, and the chance to find any such one, looks counted."""

    conditions: tuple[Condition, ...]
    rows: np.ndarray
    chance: float

    @property
    def words(self) -> str:
        """Return its conditions."""
        return " and ".join(condition.words for condition in self.conditions)


class Found(NamedTuple):
    """The slices, the surest first, how many were looked at, and how many conditions were asked for."""

    slices: list[Slice]
    looks: int
    conditions: int


def find(
    bad: np.ndarray,
    conditions: Sequence[Condition],
    groups: Sequence[Any] | np.ndarray | None,
    *,
    least: int,
    most: int,
) -> Found:
    """Return at most `most` slices of at least `least` rows in which `bad` is larger than elsewhere.

    bad [N]: 0 or 1, or how far off each row is. groups [N]: rows of one are no independent witnesses, but in slices
    that conditions about GROUP make; None makes every row its own group. Of more than MOST conditions as many are
    asked for, chosen evenly. Raises ValueError if they do not fit.
    """
    index, _ = group_index(groups, len(bad))
    if len(conditions) > MOST:
        conditions = [conditions[place * len(conditions) // MOST] for place in range(MOST)]
    if not conditions or bad.min() == bad.max():
        return Found([], 0, len(conditions))
    search = _Search(chances.ranks(bad), conditions, index)
    everything = np.ones(len(bad), bool)
    rows, sums = _products(search, everything)
    candidates, looks = _candidates(search, rows, least)
    # What is no surprise among all rows is not looked at again.
    candidates = candidates[_as_if_alone(search, everything, rows, sums, candidates, least) <= LEVEL]
    found: list[Slice] = []
    left = everything
    while len(found) < most:
        alone = _as_if_alone(search, left, rows, sums, candidates, least) * candidates[:, 2]
        place, chance = _surest(search, left, rows, sums, candidates, alone)
        if place is None:
            break
        own = candidates[place, :2].tolist()
        inside = _rows(conditions, own)
        found.append(Slice(tuple(conditions[at] for at in sorted(set(own))), inside, chance))
        gone = _products(search, left & inside)
        rows, sums, left = rows - gone[0], sums - gone[1], left & ~inside
    return Found(found, looks, len(conditions))


class _Search(NamedTuple):
    """What is searched: `ranked` [N] is summed over rows, group [N] is that of each."""

    ranked: np.ndarray
    conditions: Sequence[Condition]
    group: np.ndarray


def _candidates(search: _Search, rows: np.ndarray, least: int) -> tuple[np.ndarray, int]:
    """Return the slices that are looked at, int64 [M, 3], and how many looks they are.

    Of each the places of its conditions, twice the same of a single one, and by what its p is multiplied.
    """
    about = np.unique([condition.about for condition in search.conditions], return_inverse=True)[1]
    single = np.diag(rows)
    fits = (rows >= least) & (rows <= _LARGEST * len(search.ranked))
    narrows = rows <= _NARROWED * np.minimum(single[:, None], single[None, :])
    pairs = np.triu((about[:, None] != about[None, :]) & narrows & fits, 1)
    parts, looks = [], 0
    for places in (np.repeat(np.flatnonzero(np.diag(fits))[:, None], 2, axis=1), np.argwhere(pairs)):
        possible = chances.least_possible(search.ranked, rows[places[:, 0], places[:, 1]])
        counted = _looks(possible, LEVEL / 2)
        looks += min(counted, len(places))
        parts.append(np.column_stack([places, np.full(len(places), 2 * counted)]))
    return np.concatenate(parts), looks


def _looks(possible: np.ndarray, level: float) -> int:
    """Return the smallest k for which at most k slices can reach level / k (Tarone 1990); 1 at least."""
    ordered = np.sort(possible)
    able = np.arange(1, len(ordered) + 2)
    reach = np.searchsorted(ordered, level / able, side="right")
    return int(able[np.flatnonzero(reach <= able)[0]])


def _products(search: _Search, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each pair of K conditions the rows among the wanted ones, and their sum; float64 [K, K] each."""
    counts, sums = (np.zeros((len(search.conditions), len(search.conditions))) for _ in range(2))
    places = np.flatnonzero(wanted)
    block = max(_CELLS // len(search.conditions), 1)
    for start in range(0, len(places), block):
        part = places[start : start + block]
        held = np.stack([condition.rows[part] for condition in search.conditions]).astype(np.float64)
        counts += held @ held.T
        sums += (held * search.ranked[part]) @ held.T
    return counts, sums


def _as_if_alone(
    search: _Search, left: np.ndarray, rows: np.ndarray, sums: np.ndarray, candidates: np.ndarray, least: int
) -> np.ndarray:
    """Return p [M] of the candidates on the rows that are left, as if each were its own group; 1 of too few rows."""
    one, other = candidates[:, 0], candidates[:, 1]
    ranked, held = search.ranked[left], rows[one, other]
    large = (held >= least) & (held < len(ranked))
    found = np.ones(len(candidates))
    found[large] = chances.by_chance(ranked, held[large], sums[one, other][large])
    return found


def _surest(
    search: _Search,
    left: np.ndarray,
    rows: np.ndarray,
    sums: np.ndarray,
    candidates: np.ndarray,
    alone: np.ndarray,
) -> tuple[int | None, float]:
    """Return the candidate of the smallest corrected p on the rows that are left, and this p; None above LEVEL.

    alone [M]: the corrected p as if each row were its own group. With groups no p is smaller than that, so that few
    candidates are looked at.
    """
    ranked, index = search.ranked[left], search.group[left]
    correlation = chances.alike(ranked, index)
    best: tuple[int | None, float] = (None, LEVEL)
    for place in np.argsort(alone, kind="stable").tolist():
        if alone[place] > best[1]:
            break
        one, other, looks = candidates[place].tolist()
        chance = alone[place]
        if correlation and GROUP not in (search.conditions[one].about, search.conditions[other].about):
            inside = _rows(search.conditions, (one, other))[left]
            effects = [chances.design_effect(index[part], correlation) for part in (inside, ~inside)]
            chance = chances.by_chance(ranked, rows[one, other][None], sums[one, other][None], *effects)[0] * looks
        if chance < best[1]:
            best = (place, float(chance))
    return best


def _rows(conditions: Sequence[Condition], places: Sequence[int]) -> np.ndarray:
    one, other = places
    return np.asarray(conditions[one].rows & conditions[other].rows)
