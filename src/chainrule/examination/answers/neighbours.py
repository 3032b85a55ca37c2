"""Word vectors in words: how well the words of a text fit one another."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.neighbours import fit

HARD = 0.05
"""Share of the rows that count as told badly: those whose words fit worst."""


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return how well each row's words fit."""
    return [f"nearer than {own:.1%} of strangers" for own in fit(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return how long each row is; `target` [N]."""
    return [f"{int(size):,} bytes" for size in target]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N], below 0 where it is told badly."""
    own = fit(outputs)
    return np.asarray(own - np.quantile(own, HARD))
