"""What is known of the doubt in answers that are a number: their intervals, which are part of the model."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
SHARE = 0.9
"""Of rows that the intervals are made to hold, by `training.targets.number`."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"share", "rows"}: how wide the intervals are, the same validation rows have told already."""
    return {"share": SHARE, "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the "coverage" of the intervals low to high [N] on other rows, and their mean "width"; plain data."""
    low, high = outputs["low"], outputs["high"]
    held = (low <= target) & (target <= high)
    return {"coverage": round(float(held.mean()), DIGITS), "width": round(float((high - low).mean()), DIGITS)}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    return [
        ("intervals that hold the true number", f"{lines['share']:.0%}", f"{found['coverage']:.1%}"),
        ("width of an interval, on average", "", f"{found['width']:.4g}"),
    ]
