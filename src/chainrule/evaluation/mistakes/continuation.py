"""Mistakes of texts that go on: the rows that cost most."""

import numpy as np

from chainrule.evaluation.figures.continuation import worst
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.continuation import per_token
from chainrule.evaluation.shown import Worst


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return what a token of each row costs in the mean, float64 [N], in nats."""
    return per_token(outputs)


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most`."""
    return [worst(outputs, target, facts, most)]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return nothing: a text is not taken for another."""
    return []
