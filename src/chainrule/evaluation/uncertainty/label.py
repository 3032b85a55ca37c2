"""What is known of the doubt in answers that are one label: sets, from where on one is sure, what is foreign."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.label import probabilities
from chainrule.evaluation.uncertainty import conformal, out_of_distribution, selection

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
        # Upwards: rounded down, a threshold would leave out the very row that it is the score of.
        "set_within": min(1.0, _up(conformal.fit(chances, target, asked["share"], asked["sets"]))),
        "risk": asked["risk"],
        "unsure_below": None if unsure is None else float(np.floor(unsure * 10**DIGITS) / 10**DIGITS),
        "alarms": asked["alarms"],
        "foreign_above": _up(out_of_distribution.limit(out_of_distribution.energy(outputs["logits"]), asked["alarms"])),
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


def in_words(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[str]:
    """Return what `measured` found on rows as sentences without a full stop."""
    held = f"sets made to hold the true label for {lines['share']:.0%} of rows do so for {found['coverage']:.1%}"
    said = [f"{held}, with {found['size']:.2f} labels on average, one alone for {found['single']:.1%}"]
    if lines["unsure_below"] is None:
        said.append(f"no row is sure enough to prove a risk of {lines['risk']:.0%}")
    else:
        wrong = "none" if found["risk"] is None else f"{found['risk']:.1%}"
        said.append(
            f"{found['answered']:.1%} of rows are answered with a probability of at least {lines['unsure_below']:.3f}, "
            f"{wrong} of these wrong ({lines['risk']:.0%} asked)"
        )
    said.append(f"{found['foreign']:.1%} are taken for foreign ({lines['alarms']:.0%} asked)")
    return said


def _up(number: float) -> float:
    return float(np.ceil(number * 10**DIGITS) / 10**DIGITS)
