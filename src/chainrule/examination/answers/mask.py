"""A mask per row, in words, and how well it was told."""

import numpy as np

from chainrule.evaluation.mistakes import mask as mistakes
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import mask
from chainrule.fields.mask import IGNORED

FAR_OFF = 0.05
"""Share of the rows, those with the most wrong pixels, that count as told wrong."""
NAMED = 3


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the classes with the most pixels that are said of each row, with their shares."""
    return [_named(each, facts) for each in mask.masks(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the true classes with the most pixels of each row; `target` places uint8 [N, H, W]."""
    return [_named(each, facts) for each in target]


def _named(places: np.ndarray, facts: Facts) -> str:
    marked = places[places != IGNORED]
    counts = np.bincount(marked, minlength=len(facts["classes"]))
    order = [int(place) for place in np.argsort(-counts, kind="stable")[:NAMED] if counts[place]]
    return ", ".join(f"{facts['classes'][place]} {counts[place] / len(marked):.0%}" for place in order) or "nothing"


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: fewer than which share is wrong, below 0 where many are."""
    off = mistakes.bad(outputs, target, facts)
    return np.asarray(np.quantile(off, 1 - FAR_OFF) - off)
