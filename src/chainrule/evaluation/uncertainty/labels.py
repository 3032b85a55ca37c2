"""What is known of the doubt in answers that are a set of labels, each with a threshold of its own: what is foreign."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.uncertainty import conformal, out_of_distribution

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = out_of_distribution.joint_energy
"""What `label` says of them."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line that validation rows draw, as a bundle's signature has it; plain data.

    outputs: logits [N, C] of rows that set no weight; asked: the settings `evaluate.uncertainty`. {"alarms",
    "foreign_above": largest energy of a row of the known kind, "rows"}.
    """
    energy = out_of_distribution.joint_energy(outputs["logits"])
    most = conformal.rounded_up(out_of_distribution.limit(energy, asked["alarms"]))
    return {"alarms": asked["alarms"], "foreign_above": most, "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the share of other rows, logits [N, C], that are "foreign", a false alarm each."""
    energy = out_of_distribution.joint_energy(outputs["logits"])
    return {"foreign": round(float((energy > lines["foreign_above"]).mean()), DIGITS)}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    return [("rows that are taken for foreign", f"{lines['alarms']:.0%}", f"{found['foreign']:.1%}")]
