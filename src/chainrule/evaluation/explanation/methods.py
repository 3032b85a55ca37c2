"""The ways to weigh the parts of a row that need nothing of a model but its answers."""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from chainrule.evaluation.explanation import lime, occlusion, shap
from chainrule.evaluation.explanation.divided import deviation

METHODS: dict[str, ModuleType] = {"occlusion": occlusion, "shap": shap, "lime": lime}
"""By name; each says how many parts it may tell apart (`most`), what is to be run (`masks`) and what follows of it
(`weights`).
"""


class Weighed(NamedTuple):
    """The weight of each part, float64 [P], and how far they are from adding up (see `divided.deviation`)."""

    weights: np.ndarray
    deviation: float


def weigh(method: str, value: Callable[[np.ndarray], np.ndarray], parts: int, runs: int, seed: int) -> Weighed:
    """Return the weights of so many parts of a row.

    value: what is said where some parts are hidden, [M] of bool [M, parts], True where a part stays; it is asked of at
    most `runs` + 2 rows, or of one for each part where that is more.
    """
    way = METHODS[method]
    masks = way.masks(parts, runs, seed)
    whole, none, *values = value(np.concatenate([ends(parts), masks])).tolist()
    found = way.weights(masks, np.array(values), whole, none)
    return Weighed(found, deviation(found, whole, none))


def ends(parts: int) -> np.ndarray:
    """Return the row as it is, and the row of which all is hidden, bool [2, parts]."""
    return np.array([[True] * parts, [False] * parts])
