"""A text that goes on, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.continuation import per_token

HARD = 0.95
"""Share of the rows that count as told well: those that cost least."""


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return what each row costs."""
    return [f"{cost:.3f} nats per token" for cost in per_token(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return how long each row is; `target` [N]."""
    return [f"{int(size):,} bytes" for size in target]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N], below 0 where it is told badly."""
    cost = per_token(outputs)
    return np.asarray(np.quantile(cost, HARD) - cost)
