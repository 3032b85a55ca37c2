"""A set of labels per row, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import labels


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the labels that are given to each row."""
    return _named(labels.chosen(outputs, facts), facts)


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the true labels of each row; `target` [N, C] of 0 and 1."""
    return _named(np.asarray(target) > 0.5, facts)


def _named(chosen: np.ndarray, facts: Facts) -> list[str]:
    return [", ".join(facts["classes"][place] for place in np.flatnonzero(row)) or "none" for row in chosen]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: how sure the mean label is, below 0 where the set is wrong."""
    chances = np.nan_to_num(labels.probabilities(outputs), nan=1.0)
    sure = np.maximum(chances, 1 - chances).mean(axis=1)
    return np.asarray(np.where(labels.right(outputs, target, facts), sure, -sure))
