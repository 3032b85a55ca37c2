"""A number per row, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import number

FAR_OFF = 0.05
"""Share of the rows, those with the largest errors, that count as told wrong."""


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the number that is told of each row."""
    return [f"{value:,.4g}" for value in number.answers(outputs, facts)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the true number of each row; `target` [N]."""
    return [f"{value:,.4g}" for value in target]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: less than which error it has, below 0 where it is far off."""
    errors = np.abs(number.answers(outputs, facts) - target)
    return np.asarray(np.quantile(errors, 1 - FAR_OFF) - errors)
