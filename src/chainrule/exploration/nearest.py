"""How far points lie from the nearest of others."""

import numpy as np

NEAREST = 5
_CHUNK = 1024


def distances(placed: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return float64 [N]: how far each of [N, D] is from the NEAREST-th nearest of those at `others`, itself aside."""
    theirs = placed[others]
    squares, own = (theirs**2).sum(axis=1), np.full(len(placed), -1)
    own[others] = np.arange(len(others))
    found = np.empty(len(placed))
    nearest = min(NEAREST, len(others) - 1)
    for start in range(0, len(placed), _CHUNK):
        some = placed[start : start + _CHUNK]
        distances = (some**2).sum(axis=1)[:, None] + squares - 2 * some @ theirs.T
        itself = np.flatnonzero(own[start : start + _CHUNK] >= 0)
        distances[itself, own[start + itself]] = np.inf
        found[start : start + _CHUNK] = np.partition(distances, nearest - 1, axis=1)[:, nearest - 1]
    return np.sqrt(np.maximum(0, found))
