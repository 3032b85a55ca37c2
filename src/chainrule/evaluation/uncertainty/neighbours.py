"""What is known of the doubt in word vectors: below which fit of its words a text is unlike those that were learnt."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.neighbours import fit as fitting

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
SHARE = 0.95
"""Of rows like those of validation, which are not called foreign."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"share", "rows", "foreign_below"}: the fit of words that a share of the rows is above."""
    line = float(np.quantile(fitting(outputs), 1 - SHARE, method="lower"))
    return {"share": SHARE, "rows": len(target), "foreign_below": round(line, DIGITS)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the share of other rows that is "foreign" by the line; plain data."""
    return {"foreign": round(float((fitting(outputs) < lines["foreign_below"]).mean()), DIGITS)}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    said = f"texts unlike those that were learnt, whose words beat less than {lines['foreign_below']:.1%} of strangers"
    return [(said, f"{1 - lines['share']:.0%}", f"{found['foreign']:.1%}")]
