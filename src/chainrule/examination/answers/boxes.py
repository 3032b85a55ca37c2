"""Boxes of a row, in words, and how well they were told."""

import numpy as np

from chainrule.evaluation.mistakes import boxes as mistakes
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.fields import suppression

HALF = 0.5
"""F1 of the boxes of a row from which on it counts as told."""


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return how many boxes of each class are shown of each row."""
    return [mistakes.named(own.labels, facts) for own in suppression.shown(suppression.said(outputs, facts), facts)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return how many boxes of each class each row has; `target` float [N, M, 6]."""
    return [mistakes.named(own[own[:, 4] >= 0, 4].astype(np.int64), facts) for own in np.asarray(target)]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: by how much F1 of its boxes is above HALF."""
    return HALF - mistakes.bad(outputs, target, facts)
