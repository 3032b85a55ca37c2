"""What is known of the doubt in answers that are one label: sets, from where on one is sure, what is foreign."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.label import probabilities
from chainrule.evaluation.uncertainty import conformal, out_of_distribution, selection

EXCLUSIVE = True
"""Whether one class is the answer, and its probability how sure that is."""
ENERGY: Callable[[np.ndarray], np.ndarray] | None = out_of_distribution.energy
"""Strangeness [N] of the logits [N, C]; None of answers that have none."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines that validation rows draw, as a bundle's signature has them; plain data.

    outputs: logits [N, C] of rows that set no weight; target int [N]; asked: the settings `evaluate.uncertainty`.
    {"sets": "lac" or "aps", "share", "set_within": largest score of a label in a set, "risk", "unsure_below": least
    probability of an answer that is sure, None where no row proves so small a risk, "alarms", "foreign_above": largest
    energy of a row of the known kind, "rows"}.
    """
    chances = probabilities(outputs)
    right = chances.argmax(axis=1) == target
    unsure = selection.fit(chances.max(axis=1), right, asked["risk"])
    return {
        "sets": asked["sets"],
        "share": asked["share"],
        "set_within": min(1.0, conformal.rounded_up(conformal.fit(chances, target, asked["share"], asked["sets"]))),
        "risk": asked["risk"],
        "unsure_below": None if unsure is None else float(np.floor(unsure * 10**DIGITS) / 10**DIGITS),
        "alarms": asked["alarms"],
        "foreign_above": conformal.rounded_up(
            out_of_distribution.limit(out_of_distribution.energy(outputs["logits"]), asked["alarms"])
        ),
        "rows": len(target),
    }


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what the lines of `fit` are worth on other rows, logits [N, C] and classes int [N]; plain data.

    {"coverage", "size", "single"} of the sets, the share "answered" of rows that are sure and the "risk" of these, and
    the share of rows that are "foreign", a false alarm each.
    """
    chances = probabilities(outputs)
    right, confidence = chances.argmax(axis=1) == target, chances.max(axis=1)
    held = conformal.sets(chances, lines["set_within"], lines["sets"])
    found: dict[str, float | None] = dict(conformal.coverage(held, target))
    if lines["unsure_below"] is not None:
        found |= selection.at(confidence, right, lines["unsure_below"])
    found["foreign"] = float((out_of_distribution.energy(outputs["logits"]) > lines["foreign_above"]).mean())
    return {name: None if value is None else round(value, DIGITS) for name, value in found.items()}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    rows = [
        ("sets that hold the true label", f"{lines['share']:.0%}", _share(found["coverage"])),
        ("labels in a set, on average", "", f"{found['size']:.2f}"),
        ("sets of one label", "", _share(found["single"])),
    ]
    if lines["unsure_below"] is None:
        rows.append(("wrong among the sure answers", f"{lines['risk']:.0%} at most", "no answer is proven so sure"))
    else:
        rows += [
            (f"sure answers, of a probability from {lines['unsure_below']:.3f} on", "", _share(found["answered"])),
            ("wrong among the sure answers", f"{lines['risk']:.0%} at most", _share(found["risk"])),
        ]
    return [*rows, ("rows that are taken for foreign", f"{lines['alarms']:.0%}", _share(found["foreign"]))]


def _share(found: float | None) -> str:
    return "-" if found is None else f"{found:.1%}"
