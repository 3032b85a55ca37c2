"""A text that was written, in words, and how near it is to what a person wrote."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import wording
from chainrule.fields.wording import texts

FAR_OFF = 0.05
"""Share of the rows, those with the lowest scores, that count as told wrong."""


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the text that is written for each row."""
    return texts(outputs["text"])


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the reference of each row; `target` int [N, L]."""
    return texts(target)


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: more than which chrF it has, below 0 where it is far off."""
    found = wording.by_row(outputs, target, facts)["chrf"]
    return np.asarray(found - np.quantile(found, FAR_OFF))
