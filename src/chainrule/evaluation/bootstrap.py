"""Cluster bootstrap: how often each row counts in each resample.

Rows of one group (two crops of one photograph, two near-identical sentences) are not independent, so whole
groups are drawn with replacement (Field and Welsh 2007, "Bootstrapping clustered data", strategy of the
cluster bootstrap; Efron and Tibshirani 1993, chapter 13, for the percentile interval). Without groups every
row is its own group, which is the ordinary bootstrap.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

# A block of resamples holds at most this many weights at once (8 bytes each).
_BLOCK_WEIGHTS = 1 << 21

# Called with items, what is done with them, and their unit unless they are rows.
Progress = Callable[..., Iterable[Any]]


def unseen(items: Collection[Any], label: str, unit: str = "rows") -> Iterable[Any]:
    """Go through the items without a word: what happens where no progress is shown."""
    return items


def group_index(groups: Sequence[Any] | np.ndarray | None, rows: int) -> tuple[np.ndarray, int]:
    """Number the groups 0..G-1 by first appearance: (int64 [rows], G). None makes every row its own group.

    Raises ValueError when `groups` is not as long as the rows.
    """
    if groups is None:
        return np.arange(rows, dtype=np.int64), rows
    if len(groups) != rows:
        raise ValueError(f"{len(groups)} groups for {rows} rows")
    numbers: dict[Any, int] = {}
    index = np.fromiter((numbers.setdefault(group, len(numbers)) for group in groups), np.int64, rows)
    return index, len(numbers)


def resample_counts(
    group_count: int, rows: int, resamples: int, seed: int, progress: Progress = unseen
) -> Iterator[np.ndarray]:
    """Blocks float64 [G, b] of how often each group is drawn; the b sum to `resamples`, every column sums to
    G.

    `rows` only sizes the blocks, for the caller spreads them over rows.
    """
    generator = np.random.default_rng(seed)
    block = max(1, min(64, _BLOCK_WEIGHTS // max(rows, 1)))
    for start in progress(range(0, resamples, block), "bootstrap", "steps"):
        size = min(block, resamples - start)
        drawn = generator.integers(0, group_count, size=(size, group_count))
        drawn += np.arange(size)[:, None] * group_count
        counts = np.bincount(drawn.ravel(), minlength=size * group_count).reshape(size, group_count)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)


def percentile_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 2.5th and 97.5th percentile of [B, ...] along the first axis, over the resamples that are not NaN.

    NaN where a score is defined in no resample.
    """
    flat = values.reshape(len(values), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    for column in range(flat.shape[1]):
        defined = flat[~np.isnan(flat[:, column]), column]
        if len(defined):
            ends[:, column] = np.percentile(defined, (2.5, 97.5))
    return ends[0].reshape(values.shape[1:]), ends[1].reshape(values.shape[1:])
