"""One label: every class with its probability, the likeliest first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.calibration import softmax
from chainrule.serving.answers.checks import classes, finite, width

OUTPUT = "logits"
COLUMNS = ("predicted", "probability")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give a logit [batch, classes] for each class."""
    width(signature, OUTPUT, len(classes(signature)))


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"labels": [{"label", "probability"}, ...]} of the outputs [1, ...] for one item.

    The graph has divided the logits by the temperature of the calibration, so a plain softmax is calibrated. Raises
    ChainruleError when a logit is not finite: no probability would be true then.
    """
    labels = signature["target"]["classes"]
    chances = softmax(finite(outputs[OUTPUT])[None], 1.0)[0]
    order = np.argsort(-chances, kind="stable")
    return {"labels": [{"label": labels[index], "probability": float(chances[index])} for index in order]}


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
    return {
        "type": "object",
        "properties": {"labels": {"type": "array", "items": label, "description": described}},
        "required": ["labels"],
    }
