"""Boxes: where things are in the image that was sent, of which class, and how sure the model is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.fields import suppression
from chainrule.fields.suppression import MOST
from chainrule.serving.answers.checks import classes, lines
from chainrule.system.errors import ChainruleError, DataError

PLACES, SCORES = "boxes", "scores"
TAKES = ("threshold", "most")
"""Parameters of a request that change what is said."""
COLUMNS = ("boxes",)
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError unless a bundle's graph gives boxes [batch, places, 4] and a score of each class of them."""
    names = classes(signature)
    lines(signature)
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    places, scores = shapes.get(PLACES, []), shapes.get(SCORES, [])
    if len(places) != 3 or len(scores) != 3 or places[2] != 4 or scores[2] != len(names) or places[1] != scores[1]:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"{signature['task']} needs outputs {PLACES} [batch, places, 4] and {SCORES} [batch, places, "
            f"{len(names)} classes]; here is {found}; export the bundle again"
        )
    for name in ("threshold", "overlap"):
        line = signature["target"].get(name)
        if not isinstance(line, int | float) or isinstance(line, bool) or not 0 <= line <= 1:
            raise DataError(f"the target needs a {name} from 0 to 1; export the bundle again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the boxes of the outputs [1, ...] for one item, the likeliest first.

    {"boxes": [{"label", "probability", "left", "top", "right", "bottom"}, ...], "threshold"}, in shares of the sides of
    the image as the model sees it. Raises ChainruleError when a number is not finite.
    """
    if not all(np.isfinite(outputs[name]).all() for name in (PLACES, SCORES)):
        raise ChainruleError("the model answered with a number that is not finite")
    target, asked = signature["target"], signature.get("uncertainty", {})
    threshold = float(asked.get("threshold", target["threshold"]))
    (said,) = suppression.said({name: outputs[name] for name in (PLACES, SCORES)}, target)
    (own,) = suppression.shown([said], {"threshold": threshold})
    most = int(asked.get("most", MOST))
    boxes = [
        {"label": target["classes"][label], "probability": score, **dict(zip(SIDES, place, strict=True))}
        for label, score, place in zip(own.labels.tolist(), own.scores.tolist(), own.boxes.tolist(), strict=True)
    ]
    return {"boxes": boxes[:most], "threshold": threshold}


SIDES = ("left", "top", "right", "bottom")


def beside(answer: dict[str, Any], sent: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer in pixels of the image that was sent, with its width and height.

    read: of the one input field how the model sees it, a `parts.image.Frame`.
    """
    (frame,) = read.values()
    return {
        "boxes": [{**box, **frame.back([box[side] for side in SIDES])} for box in answer["boxes"]],
        **{name: answer[name] for name in answer if name != "boxes"},
        "width": frame.width,
        "height": frame.height,
    }


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the boxes of an answer."""
    return [answer["boxes"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    place = {"type": "number", "minimum": 0, "description": "in pixels of the image sent, turned as its EXIF says"}
    box = {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            **dict.fromkeys(SIDES, place),
        },
        "required": ["label", "probability", *SIDES],
    }
    threshold = {"type": "number", "description": "the probability from which on boxes are said"}
    sides = {key: {"type": "integer", "description": "pixels of the image sent"} for key in ("width", "height")}
    return {
        "type": "object",
        "properties": {
            "boxes": {"type": "array", "items": box, "maxItems": MOST, "description": "the likeliest first"},
            "threshold": threshold,
            **sides,
        },
        "required": ["boxes", "threshold"],
    }
