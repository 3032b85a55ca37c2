"""What is known of the doubt in answers that are masks: how far the probabilities of pixels are to be trusted."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.fields.mask import IGNORED, said

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mean probability of what is said of validation pixels, and how many of them are right; plain data.

    target: places uint8 [N, H, W]; asked: the settings `evaluate.uncertainty`. {"probability", "right", "rows"}.
    """
    return {**_found(outputs, target), "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the same of other rows: {"probability", "right"}."""
    return {**_found(outputs, target)}


def _found(outputs: Outputs, target: np.ndarray) -> dict[str, float]:
    mask, sure = said(outputs)
    marked = np.asarray(target) != IGNORED
    number = max(1, int(marked.sum()))
    return {
        "probability": round(float(sure.astype(np.float32)[marked].sum(dtype=np.float64)) / number, DIGITS),
        "right": round(float((mask[marked] == target[marked]).sum()) / number, DIGITS),
    }


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was found on validation rows and by `measured` on others, as lines of a table: what, there, here."""
    return [
        ("mean probability of what is said of a pixel", f"{lines['probability']:.1%}", f"{found['probability']:.1%}"),
        ("pixels of which it is right", f"{lines['right']:.1%}", f"{found['right']:.1%}"),
    ]
