"""The place of a chosen item in its user's list, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs

FIRST = 10


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the place of each row's item."""
    return [f"place {rank:,.0f}" for rank in outputs["rank"]]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return that each was chosen; `target` [N]."""
    return ["chosen"] * len(target)


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: below 0 where the item is not among the first FIRST."""
    rank = np.maximum(np.asarray(outputs["rank"], np.float64), 1)
    return np.asarray(np.log2(FIRST + 0.5) - np.log2(rank))
