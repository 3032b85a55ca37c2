"""A set of labels: every class with its probability and whether it is given, the likeliest first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.uncertainty import out_of_distribution
from chainrule.serving.answers.checks import classes, finite, lines, width
from chainrule.system.errors import DataError

OUTPUT = "logits"
COLUMNS = ("predicted", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a graph does not give a logit [batch, classes] for each class, or a threshold is missing."""
    names = classes(signature)
    lines(signature, "foreign_above")
    width(signature, OUTPUT, len(names))
    found = signature["target"].get("thresholds")
    if not isinstance(found, list) or len(found) != len(names) or not all(type(each) in (int, float) for each in found):
        raise DataError(f"the target needs a threshold for each of its {len(names)} classes; export the bundle again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"labels": [{"label", "probability", "given"}, ...]} of the outputs [1, ...] for one item.

    A label is given where its probability, the sigmoid of its logit, reaches its threshold. Where the signature has a
    line for it, also "energy" and "foreign", whether the input is unlike those that the model knows. Raises
    ChainruleError when a logit is not finite.
    """
    target = signature["target"]
    logits = finite(outputs[OUTPUT])
    small = np.exp(-np.abs(logits))
    chances = np.where(logits >= 0, 1, small) / (1 + small)
    said: dict[str, Any] = {
        "labels": [
            {
                "label": target["classes"][index],
                "probability": float(chances[index]),
                "given": bool(chances[index] >= target["thresholds"][index]),
            }
            for index in np.argsort(-chances, kind="stable")
        ]
    }
    if (most := signature.get("uncertainty", {}).get("foreign_above")) is not None:
        (energy,) = out_of_distribution.joint_energy(logits[None])
        said |= {"energy": float(energy), "foreign": bool(energy > most)}
    return said


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the labels that an answer gives, and their probabilities, the likeliest first."""
    given = [each for each in answer["labels"] if each["given"]]
    return [[each["label"] for each in given], [each["probability"] for each in given]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    label = {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            "given": {"type": "boolean", "description": "whether the probability reaches the label's threshold"},
        },
        "required": ["label", "probability", "given"],
    }
    described = "every label, the likeliest first; each has a probability of its own"
    return {
        "type": "object",
        "properties": {
            "labels": {"type": "array", "items": label, "description": described},
            "energy": {"type": "number", "description": "grows with how unlike the known inputs this one is"},
            "foreign": {"type": "boolean", "description": "whether the energy is beyond that of known inputs"},
        },
        "required": ["labels"],
    }
