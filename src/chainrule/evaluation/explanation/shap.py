"""Kernel SHAP: the share of each part in what a row says, over all orders in which parts might have come.

Lundberg and Lee 2017, https://arxiv.org/abs/1705.07874, theorem 2: Shapley values solve a least-squares problem over
coalitions, weighted by a kernel. Few parts: over all coalitions, which is exact. More: over drawn ones, each with its
complement (Covert and Lee 2021, https://arxiv.org/abs/2012.01536, section 4.2). The weights add up by construction.
"""

from itertools import product
from math import comb

import numpy as np

TITLE = "SHAP"
_FEWEST = 4  # runs for each part, of which a pair tells one thing


def most(runs: int) -> int:
    """Return how many parts may be told apart in so many runs."""
    return max(1, runs // _FEWEST)


def masks(parts: int, runs: int, seed: int) -> np.ndarray:
    """Return which parts stay in each run, bool [M, parts]; M is at most `runs`, and 0 of a single part."""
    if parts < 2:
        return np.empty((0, parts), bool)
    if 2**parts - 2 <= runs:
        every = np.array(list(product((False, True), repeat=parts)))
        return every[1:-1]
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, parts)
    chances = 1 / (sizes * (parts - sizes))
    drawn = rng.choice(sizes, size=runs // 2, p=chances / chances.sum())
    ranks = rng.random((len(drawn), parts)).argsort(axis=1).argsort(axis=1)
    kept = ranks < drawn[:, None]
    return np.concatenate([kept, ~kept])


def weights(masks: np.ndarray, values: np.ndarray, whole: float, none: float) -> np.ndarray:
    """Return the weight of each part, float64 [parts], of the values [M] of these runs."""
    parts = masks.shape[1]
    gain = whole - none
    if parts < 2:
        return np.full(parts, gain)
    kept = masks.astype(np.float64)
    # The last part's weight is what the others leave of the gain.
    left = kept[:, :-1] - kept[:, -1:]
    wanted = np.asarray(values, np.float64) - none - kept[:, -1] * gain
    root = np.sqrt(_kernel(masks))
    found = np.linalg.lstsq(left * root[:, None], wanted * root, rcond=None)[0]
    return np.append(found, gain - found.sum())


def _kernel(masks: np.ndarray) -> np.ndarray:
    """Return what each run counts, [M]: drawn ones were drawn by the kernel, and count alike."""
    parts = masks.shape[1]
    if len(masks) != 2**parts - 2:
        return np.ones(len(masks))
    by_size = [0.0] + [(parts - 1) / (comb(parts, size) * size * (parts - size)) for size in range(1, parts)]
    counts: np.ndarray = np.array(by_size)[masks.sum(axis=1)]
    return counts
