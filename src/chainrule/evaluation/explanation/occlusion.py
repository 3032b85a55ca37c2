"""Occlusion: what is lost where one part of a row is hidden.

Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901, section 4.2; of words Li et al. 2016,
https://arxiv.org/abs/1612.08220. Two parts that say the same are both worth nothing: either may go.
"""

import numpy as np

TITLE = "Occlusion"


def most(runs: int) -> int:
    """Return how many parts may be told apart in so many runs."""
    return runs


def masks(parts: int, runs: int, seed: int) -> np.ndarray:
    """Return which parts stay in each run, bool [parts, parts]: all but one."""
    return ~np.eye(parts, dtype=bool)


def weights(masks: np.ndarray, values: np.ndarray, whole: float, none: float) -> np.ndarray:
    """Return the weight of each part, float64 [parts], of the values [parts] of these runs."""
    return whole - np.asarray(values, np.float64)
