"""What is known of the doubt in lists: how often a list of ten holds something that its user chose."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
FIRST = 10
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"hit", "rows"} of validation rows: the share of users of whom one chosen item is among the first ten."""
    return {"hit": _hit(outputs), "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the same of other rows: {"hit"}."""
    return {"hit": _hit(outputs)}


def _hit(outputs: Outputs) -> float:
    _, user = np.unique(np.asarray(outputs["user_place"]), return_inverse=True)
    hits = np.bincount(user, weights=np.asarray(outputs["rank"]) <= FIRST) > 0
    return round(float(hits.mean()), DIGITS)


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was found on validation rows and on others, as lines of a table: what, there, here."""
    return [("lists of ten with something that the user chose", f"{lines['hit']:.1%}", f"{found['hit']:.1%}")]
