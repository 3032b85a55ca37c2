"""What is known of the doubt in texts that go on: beyond which cost a text is unlike those that the model knows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.continuation import per_token

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
SHARE = 0.95
"""Of rows like those of validation, which are not called foreign."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"share", "rows", "foreign_above"}: the cost of a token, in nats, that a share of the rows is below."""
    line = float(np.quantile(per_token(outputs), SHARE, method="higher"))
    return {"share": SHARE, "rows": len(target), "foreign_above": round(line, DIGITS)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the share of other rows that is "foreign" by the line; plain data."""
    return {"foreign": round(float((per_token(outputs) > lines["foreign_above"]).mean()), DIGITS)}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    said = f"texts unlike those that the model knows, above {lines['foreign_above']:.3f} nats per token"
    return [(said, f"{1 - lines['share']:.0%}", f"{found['foreign']:.1%}")]
