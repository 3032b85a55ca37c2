"""Spans of a text: each with its label, its place in code points, its words and its probability."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.scores.spans import answers
from chainrule.serving.answers.checks import classes, finite, lines
from chainrule.system.errors import DataError

OUTPUT = "logits"
TAKES = ("unsure_below",)
"""Parameters of a request that change what is said."""
COLUMNS = ("spans",)
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a graph gives no logits [batch, windows, sequence, tags] with offsets and transitions."""
    tags = 1 + 2 * len(classes(signature))
    lines(signature, "unsure_below")
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    logits, offsets = shapes.get(OUTPUT, []), shapes.get("offsets", [])
    follow = shapes.get("transitions", [])
    if len(logits) != 4 or logits[3] != tags or len(offsets) != 4 or follow[1:] != [tags + 1, tags]:
        raise DataError(
            f"{signature['task']} needs outputs logits [batch, windows, sequence, {tags}], their offsets and "
            f"transitions [batch, {tags + 1}, {tags}]; here are "
            f"{', '.join(f'{name} {shape}' for name, shape in shapes.items())}; export the bundle again"
        )


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"spans": [{"label", "start", "end", "probability"}, ...]} of the outputs [1, ...] for one item.

    start is the first code point of the text as cleaning leaves it, end the first behind. Where the signature has a
    line for it, also "unsure" of each: whether it is too unlikely to be relied on. Raises ChainruleError when a logit
    is not finite.
    """
    finite(outputs[OUTPUT])
    names = signature["target"]["classes"]
    below = signature.get("uncertainty", {}).get("unsure_below")
    (own,) = answers(outputs)
    return {
        "spans": [
            {
                "label": names[span.label],
                "start": span.start,
                "end": span.end,
                "probability": span.probability,
                **({} if below is None else {"unsure": span.probability < below}),
            }
            for span in own.spans
        ]
    }


def beside(answer: dict[str, Any], sent: Mapping[str, Any], read: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer with the words of each span, and with the text where cleaning has made another of it.

    sent, read: the item's input fields as they came and as cleaning leaves them; the last is the one that places mean.
    """
    text = list(read.values())[-1]
    found = {"spans": [{**span, "text": text[span["start"] : span["end"]]} for span in answer["spans"]]}
    return found if list(sent.values())[-1] == text else {**found, "text": text}


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the spans of an answer, as a recipe's source reads them."""
    return [answer["spans"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    span = {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "start": {"type": "integer", "minimum": 0, "description": "first code point of the span"},
            "end": {"type": "integer", "minimum": 1, "description": "the code point behind its last"},
            "text": {"type": "string", "description": "its words"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            "unsure": {"type": "boolean", "description": "whether it is too unlikely to be relied on"},
        },
        "required": ["label", "start", "end", "probability"],
    }
    text = {"type": "string", "description": "what places are counted in, where it is not what was sent"}
    described = "the spans of the text, in order; none overlap"
    return {
        "type": "object",
        "properties": {"spans": {"type": "array", "items": span, "description": described}, "text": text},
        "required": ["spans"],
    }
