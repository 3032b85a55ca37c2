"""What is known of the doubt in answers to questions: from where on one is sure."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores import answer
from chainrule.evaluation.uncertainty import selection

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
DIGITS = 6
RIGHT = 0.5
"""The F1 from which on an answer counts as right here."""


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line that validation rows draw, as a bundle's signature has it; plain data.

    outputs: of rows that set no weight; target int [N, K, 2 + A]; asked: the settings `evaluate.uncertainty`. {"risk",
    "unsure_below": least probability of an answer that is sure, None where no row proves so small a risk, "rows"}.
    """
    sure, right = _told(outputs, target)
    limit = selection.fit(sure, right, asked["risk"])
    below = None if limit is None else float(np.floor(limit * 10**DIGITS) / 10**DIGITS)
    return {"risk": asked["risk"], "unsure_below": below, "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the share "answered" of other rows that are sure, and the "risk" of these; plain data."""
    if lines["unsure_below"] is None:
        return {}
    found = selection.at(*_told(outputs, target), lines["unsure_below"])
    return {name: None if value is None else round(value, DIGITS) for name, value in found.items()}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    wrong = f"wrong (F1 below {RIGHT:g}) among the sure answers"
    if lines["unsure_below"] is None:
        return [(wrong, f"{lines['risk']:.0%} at most", "no answer is proven so sure")]
    return [
        (f"sure answers, of a probability from {lines['unsure_below']:.3f} on", "", _share(found["answered"])),
        (wrong, f"{lines['risk']:.0%} at most", _share(found["risk"])),
    ]


def _told(outputs: Outputs, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return answer.sure(outputs), answer.scored(outputs, target)[:, 1] >= RIGHT


def _share(found: float | None) -> str:
    return "-" if found is None else f"{found:.1%}"
