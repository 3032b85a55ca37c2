"""Least squares on numbers that stand for a picture or a sound: each fold told by a model fitted to the others."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.evaluation.selection import Fold
from chainrule.exploration.simple import held_out

_PENALTY = 1e-3


def one_of(inputs: np.ndarray, target: np.ndarray, classes: int, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each class, float64 [N, classes]; target: int [N]."""
    indicators = np.eye(classes, dtype=np.float32)[target]
    return held_out.chances(held_out.said(_ridge(inputs), inputs, indicators, folds), target)


def each_of(inputs: np.ndarray, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each label, float64 [N, C]; target: [N, C] of 0 and 1."""
    return np.asarray(held_out.said(_ridge(inputs), inputs, target.astype(np.float32), folds).clip(0, 1))


def value(inputs: np.ndarray, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the number of each row, float64 [N]; target: float [N]."""
    return held_out.said(_ridge(inputs), inputs, target, folds)


def _ridge(inputs: np.ndarray) -> Any:
    from sklearn.linear_model import Ridge

    return partial(Ridge, alpha=_PENALTY * len(inputs), solver="cholesky")
