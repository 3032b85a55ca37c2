"""Inputs of another kind than the training rows: how far a row is from them, and from where on that is said.

- energy: minus the logarithm of the sum of the exponentials of a row's logits (Liu, Wang, Owens and Li 2020,
  arXiv:2010.03759), from an answer alone. The logits here are divided by the temperature of the calibration, which is
  the energy at that temperature but for a factor.
- distance: to the k-th nearest of the training rows' features, each at length 1 (Sun, Ming, Zhu and Li 2022,
  arXiv:2204.06507), which no server has.

Both grow with strangeness. Neither knows what strange is: they are held against rows that are known to be, and whether
another kind of strange row is seen nobody knows.
"""

import numpy as np

from chainrule.evaluation.uncertainty.conformal import threshold

NEAREST = 10


def energy(logits: np.ndarray) -> np.ndarray:
    """Return the energy float64 [N] of logits [N, C]."""
    logits = np.asarray(logits, np.float64)
    most = logits.max(axis=1)
    return np.asarray(-most - np.log(np.exp(logits - most[:, None]).sum(axis=1)))


def joint_energy(logits: np.ndarray) -> np.ndarray:
    """Return the energy float64 [N] of logits [N, C] of classes that exclude no other: the sum of those of each.

    Wang, Liu, Bocchieri and Li 2021 (arXiv:2109.14162, equation 5).
    """
    return np.asarray(-np.logaddexp(0, np.asarray(logits, np.float64)).sum(axis=1))


def distance(features: np.ndarray, known: np.ndarray, nearest: int = NEAREST) -> np.ndarray:
    """Return the distance float64 [N] of features [N, D] to the nearest-th of the features [M, D] of training rows."""
    rows, others = _at_length_1(features), _at_length_1(known)
    place = min(nearest, len(others)) - 1
    found = [
        np.partition(-(part @ others.T), place, axis=1)[:, place] for part in np.array_split(rows, 1 + len(rows) // 512)
    ]
    return np.asarray(np.sqrt(np.maximum(2 + 2 * np.concatenate(found), 0)))


def _at_length_1(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float64)
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))


def limit(strangeness: np.ndarray, alarms: float) -> float:
    """Return what at most a share of `alarms` of further rows exceed, by the strangeness [N] of rows of the known kind.

    The largest where there are too few rows for that.
    """
    return min(threshold(strangeness, 1 - alarms), float(strangeness.max()))


def detection(strange: np.ndarray, known: np.ndarray, most: float) -> dict[str, float]:
    """Return how well strangeness [M] of foreign rows is told from that [N] of rows of the known kind, as plain data.

    detected: share of foreign rows above `most`; auroc: how often a foreign row is the stranger of two, ties counting
    half.
    """
    ranked = np.sort(known)
    below, upto = (np.searchsorted(ranked, strange, side) for side in ("left", "right"))
    return {"detected": float((strange > most).mean()), "auroc": float((below + upto).mean() / (2 * len(known)))}
