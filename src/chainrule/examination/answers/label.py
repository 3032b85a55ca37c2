"""One label per row, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import label


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the class that each row is taken for."""
    return [facts["classes"][place] if place >= 0 else "no answer" for place in label.said(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the true class of each row; `target` int64 [N]."""
    return [facts["classes"][place] for place in target]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: how sure the answer is, below 0 where it is wrong."""
    sure = np.nan_to_num(label.probabilities(outputs), nan=1.0).max(axis=1)
    return np.asarray(np.where(label.right(outputs, target, facts), sure, -sure))
