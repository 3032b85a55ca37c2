"""Who is held out in which turn: groups stay whole, strata are spread evenly, and by time the past tells the future."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from chainrule.data import times
from chainrule.data.splitting import position
from chainrule.system.errors import DataError

Roles = np.ndarray
"""What each row is in a turn, [N] of object: "train", "validation", "test", or None for what is left out."""


def turns(
    groups: Sequence[str],
    strata: Sequence[Any],
    moments: np.ndarray | None,
    folds: int,
    share: float,
    seed: int,
) -> list[Roles]:
    """Return what each row is in each turn: held out in one, and in the others to learn from.

    `share` of the rows to learn from choose the epoch, so that the rows held out decide nothing. With `moments` [N] the
    rows are cut into folds + 1 stretches of time; a turn learns from all that is older than the stretch that it holds
    out, and the oldest is held out in none. A pure function of its arguments; the order of rows says nothing. Raises
    DataError where there are fewer groups, or moments, than that takes.
    """
    names = np.asarray(groups, dtype=object)
    if moments is not None:
        return _by_time(names, moments, folds, share)
    strata_of = np.asarray(strata, dtype=object)
    held_in = by_group(names, strata_of, folds, seed)
    found = []
    for turn in range(folds):
        rest = held_in != turn
        parts = max(2, min(round(1 / share), len(set(names[rest]))))
        inner = by_group(names[rest], strata_of[rest], parts, seed + 1 + turn)
        roles = np.full(len(names), "test", object)
        roles[rest] = np.where(inner == 0, "validation", "train")
        found.append(roles)
    return found


def by_group(groups: np.ndarray, strata: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, int64 [N]: that of its group, and every stratum spread over the folds.

    Groups are dealt out, those of most rows first and then in an order of their names and the seed; each goes where its
    strata are rarest (as scikit-learn's StratifiedGroupKFold does), then where there are fewest rows.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < folds:
        raise DataError(
            f"{len(names):,} groups cannot be held out in {folds} turns: take fewer --folds, or make groups finer"
        )
    _, stratum = np.unique(strata.astype(str), return_inverse=True)
    counts = np.zeros((len(names), stratum.max() + 1))
    np.add.at(counts, (group, stratum), 1)
    size, total = counts.sum(axis=1), counts.sum(axis=0)
    order = sorted(range(len(names)), key=lambda one: (-size[one], position(str(names[one]), seed)))
    dealt = np.zeros((folds, len(total)))
    fold_of = np.zeros(len(names), np.int64)
    for one in order:
        own = counts[one] / total
        # By how much the sum of squares grows: least where the group's strata are rarest.
        cost = (own * (2 * dealt + own)).sum(axis=1)
        rows = (dealt * total).sum(axis=1)
        fold_of[one] = min(range(folds), key=lambda fold: (round(cost[fold], 12), rows[fold], fold))
        dealt[fold_of[one]] += own
    return fold_of[group]


def _by_time(groups: np.ndarray, moments: np.ndarray, folds: int, share: float) -> list[Roles]:
    newest = pd.Series(moments).groupby(groups).transform("max").to_numpy()
    different, place, rows = np.unique(newest, return_inverse=True, return_counts=True)
    if len(different) < 2 * (folds + 1):
        raise DataError(
            f"groups end at {len(different):,} different moments, {folds} turns by time take {2 * (folds + 1)}: take "
            "fewer --folds, or make groups shorter"
        )
    middle = np.cumsum(rows) - rows / 2
    stretch = np.minimum((middle * (folds + 1) / rows.sum()).astype(np.int64), folds)[place]
    found = []
    for turn in range(folds):
        learnt, held = stretch <= turn, stretch == turn + 1
        if not held.any() or len(np.unique(newest[learnt])) < 2:
            raise DataError(f"too many rows are of one moment for {folds} turns by time: take fewer --folds")
        sizes = pd.Series(newest[learnt]).groupby(groups[learnt]).agg(["max", "size"])
        asked = {"test": 0.0, "validation": share}
        own = times.borders(sizes["max"].to_numpy(), sizes["size"].to_numpy(), asked, times.Order(), None)
        roles = np.full(len(groups), None, object)
        roles[learnt] = np.where(newest[learnt] >= own.validation, "validation", "train")
        roles[held] = "test"
        found.append(roles)
    return found
