"""One label: every class with its probability, the likeliest first, and what the bundle says of the doubt in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.calibration import softmax
from chainrule.evaluation.uncertainty import conformal, out_of_distribution
from chainrule.serving.answers.checks import classes, finite, lines, width
from chainrule.system.errors import DataError

OUTPUT = "logits"
TAKES = ("unsure_below",)
"""Parameters of a request that change what is said."""
COLUMNS = ("predicted", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give a logit [batch, classes] for each class."""
    width(signature, OUTPUT, len(classes(signature)))
    for found in lines(signature, "set_within", "unsure_below", "foreign_above"):
        if found.get("set_within") is not None and found.get("sets") not in conformal.METHODS:
            raise DataError(f"sets of labels are made by {', '.join(conformal.METHODS)}; export the bundle again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"labels": [{"label", "probability"}, ...]} of the outputs [1, ...] for one item.

    Where the signature has lines of doubt, also "set", the labels that together hold the true one as often as was asked
    for, "unsure", whether the likeliest is too unlikely to be relied on, "energy" and "foreign", whether the input is
    unlike those that the model knows.

    The graph has divided the logits by the temperature of the calibration, so a plain softmax is calibrated. Raises
    ChainruleError when a logit is not finite: no probability would be true then.
    """
    labels = signature["target"]["classes"]
    logits = finite(outputs[OUTPUT])[None]
    chances = softmax(logits, 1.0)
    order = np.argsort(-chances[0], kind="stable")
    said = [{"label": labels[index], "probability": float(chances[0, index])} for index in order]
    return {"labels": said, **_doubt(logits, chances, [labels[index] for index in order], order, signature)}


def _doubt(
    logits: np.ndarray, chances: np.ndarray, labels: list[str], order: np.ndarray, signature: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what there is to say of the doubt in an answer, logits and chances [1, C]; labels in their order."""
    drawn, said = signature.get("uncertainty", {}), dict[str, Any]()
    if drawn.get("set_within") is not None:
        held = conformal.sets(chances, drawn["set_within"], drawn["sets"])[0, order]
        said["set"] = [label for label, holds in zip(labels, held, strict=True) if holds]
    if drawn.get("unsure_below") is not None:
        said["unsure"] = bool(chances.max() < drawn["unsure_below"])
    if drawn.get("foreign_above") is not None:
        (energy,) = out_of_distribution.energy(logits)
        said |= {"energy": float(energy), "foreign": bool(energy > drawn["foreign_above"])}
    return said


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the likeliest label of an answer and its probability."""
    first = answer["labels"][0]
    return [first["label"], first["probability"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    label = {
        "type": "object",
        "properties": {"label": {"type": "string"}, "probability": {"type": "number", "minimum": 0, "maximum": 1}},
        "required": ["label", "probability"],
    }
    described = "every label, the likeliest first; the probabilities sum to 1"
    doubt = {
        "set": {
            "type": "array",
            "items": {"type": "string"},
            "description": "labels that hold the true one as often as the bundle says, the likeliest first",
        },
        "unsure": {"type": "boolean", "description": "whether the likeliest label is too unlikely to be relied on"},
        "energy": {"type": "number", "description": "grows with how unlike the known inputs this one is"},
        "foreign": {"type": "boolean", "description": "whether the energy is beyond that of known inputs"},
    }
    return {
        "type": "object",
        "properties": {"labels": {"type": "array", "items": label, "description": described}, **doubt},
        "required": ["labels"],
    }
