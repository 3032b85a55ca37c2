"""Mistakes of word vectors: the rows whose words fit one another worst."""

import numpy as np

from chainrule.evaluation.figures.neighbours import worst
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.neighbours import fit
from chainrule.evaluation.shown import Worst


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which share of strangers is nearer than a row's own words, float64 [N]."""
    return 1 - fit(outputs)


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most`."""
    return [worst(outputs, target, facts, most)]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return nothing: a text is not taken for another."""
    return []
