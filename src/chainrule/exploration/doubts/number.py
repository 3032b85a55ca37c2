"""Numbers that look wrong: those that are far from what is said of the row, beside how far the others are.

How far is measured in robust standard deviations, 1.4826 times the median absolute deviation of all differences
(Rousseeuw and Croux 1993, "Alternatives to the median absolute deviation",
https://doi.org/10.1080/01621459.1993.10476408, section 1). Numbers that are far off pull a model towards them, so it is
fitted twice, the second time with such numbers moved to the border (Huber 1981, "Robust statistics", section 7.8).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubt, Doubts

BEYOND = 6.0
"""Robust standard deviations beyond which a number is suspected: of normal differences one in 500 million."""


def doubts(simple: Any, inputs: Any, values: Sequence[float], folds: Sequence[Fold]) -> Doubts:
    """Return the numbers that look wrong; simple: a module of `exploration.simple`, `inputs` its features of N rows.

    Each `score` is how many robust standard deviations a number is off, negative where it is too small.
    """
    target = np.asarray(values, np.float64)
    told = simple.value(inputs, target, folds)
    middle, spread = _measure(target - told)
    border = BEYOND * spread
    moved = np.clip(target, told + middle - border, told + middle + border)
    told = simple.value(inputs, np.where(np.isnan(told), target, moved), folds)
    middle, spread = _measure(target - told)
    far = (target - told - middle) / spread
    doubted = np.flatnonzero(np.abs(far) > BEYOND)
    order = doubted[np.argsort(-np.abs(far[doubted]), kind="stable")]
    rows = [
        Doubt(
            row=int(place),
            given=f"{target[place]:.6g}",
            suspected=f"about {told[place]:.4g}",
            sure=f"{abs(far[place]):.1f} robust standard deviations off",
            score=round(float(far[place]), 6),
        )
        for place in order
    ]
    error = float(np.nanmedian(np.abs(target - told)))
    said = (
        f"It is off by {error:.4g} in the median on rows that it was not fitted to; {len(rows):,} numbers are off by "
        f"more than {BEYOND:g} robust standard deviations of {spread:.4g} each."
    )
    look_at = f"{len(rows):,} numbers are far from what the rest of their row says" if rows else ""
    return Doubts(rows, said, {"median_absolute_error": round(error, 6), "robust_deviation": round(spread, 6)}, look_at)


def _measure(off: np.ndarray) -> tuple[float, float]:
    """Return the median of differences and their robust standard deviation; NaN are left out."""
    middle = float(np.nanmedian(off))
    spread = 1.4826 * float(np.nanmedian(np.abs(off - middle)))
    if not spread:
        raise NotShownError(
            "more than half of the numbers are exactly what a simple model says: the rest has no measure"
        )
    return middle, spread
