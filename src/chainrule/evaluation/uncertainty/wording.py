"""What is known of the doubt in texts that were written: below which probability of its tokens one is doubtful."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line that validation rows draw: {"alarms", "doubtful_below", "rows"}; plain data.

    outputs: score [N], the mean log-probability of a text's tokens; asked: the settings `evaluate.uncertainty`, of
    which `alarms` is the share of such rows that are to be below the line, a mean probability.
    """
    line = float(np.quantile(_chances(outputs), asked["alarms"]))
    return {"alarms": asked["alarms"], "doubtful_below": round(line, DIGITS), "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the share of other rows that are "doubtful"."""
    return {"doubtful": round(float((_chances(outputs) < lines["doubtful_below"]).mean()), DIGITS)}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    said = f"texts whose tokens have a mean probability below {lines['doubtful_below']:.3f}"
    return [(said, f"{lines['alarms']:.0%}", f"{found['doubtful']:.1%}")]


def _chances(outputs: Outputs) -> np.ndarray:
    return np.exp(np.asarray(outputs["score"], np.float64))
