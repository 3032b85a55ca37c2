"""A mask: of every pixel the likeliest class, as a PNG, with the share of the image that each class has."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from chainrule.serving.answers.checks import classes
from chainrule.system.errors import ChainruleError, DataError

OUTPUT = "logits"
COLUMNS = ("predicted", "share", "mask")
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError unless a bundle's graph gives a logit [batch, classes, height, width] of each class."""
    names = classes(signature)
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    shape = shapes.get(OUTPUT, [])
    if len(shape) != 4 or shape[1] != len(names) or not 1 <= len(names) <= 255:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"{signature['task']} needs an output {OUTPUT} [batch, {len(names)} classes, height, width]; here is "
            f"{found}; export the bundle again"
        )
    colours = signature["target"].get("colours", [])
    if not isinstance(colours, list) or len(colours) not in (0, len(names)):
        raise DataError("the target needs a colour for each of its classes; export the bundle again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mask of the outputs [1, ...] for one item; ChainruleError when a logit is not finite.

    {"mask": a PNG in base64, a palette of the classes' colours, its levels their places; "height", "width" of it;
    "classes": [{"class", "colour", "share", "pixels", "probability"}] in the order of their places: share of the
    image, and the mean probability of its pixels, null where it has none}.
    """
    logits = outputs[OUTPUT][0]
    if not np.isfinite(logits).all():
        raise ChainruleError("the model answered with a number that is not finite")
    target = signature["target"]
    places = logits.argmax(axis=0).astype(np.uint8)
    sure = 1 / np.exp(logits - logits.max(axis=0)).sum(axis=0, dtype=np.float64)
    names = target["classes"]
    colours = target.get("colours") or ["#000000"] * len(names)
    counts = np.bincount(places.ravel(), minlength=len(names))
    sums = np.bincount(places.ravel(), weights=sure.ravel(), minlength=len(names))
    return {
        "mask": base64.b64encode(_png(places, colours)).decode("ascii"),
        "height": int(places.shape[0]),
        "width": int(places.shape[1]),
        "classes": [
            {
                "class": name,
                "colour": colours[place],
                "share": float(counts[place] / places.size),
                "pixels": int(counts[place]),
                "probability": float(sums[place] / counts[place]) if counts[place] else None,
            }
            for place, name in enumerate(names)
        ],
    }


def _png(places: np.ndarray, colours: list[str]) -> bytes:
    image = Image.fromarray(places).convert("P")
    image.putpalette([int(colour[at : at + 2], 16) for colour in colours for at in (1, 3, 5)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the classes of an answer, those with the most pixels first, their shares, and the PNG in base64."""
    there = sorted((each for each in answer["classes"] if each["pixels"]), key=lambda each: -each["pixels"])
    return [[each["class"] for each in there], [each["share"] for each in there], answer["mask"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    one = {
        "type": "object",
        "properties": {
            "class": {"type": "string"},
            "colour": {"type": "string", "description": "of the class in the PNG, #rrggbb"},
            "share": {**share, "description": "of the image's pixels that are of the class"},
            "pixels": {"type": "integer", "minimum": 0},
            "probability": {"type": ["number", "null"], "description": "of these pixels in the mean, null of none"},
        },
        "required": ["class", "colour", "share", "pixels", "probability"],
    }
    return {
        "type": "object",
        "properties": {
            "mask": {
                "type": "string",
                "contentEncoding": "base64",
                "contentMediaType": "image/png",
                "description": "a PNG with a palette; the level of a pixel is the place of its class",
            },
            "height": {"type": "integer"},
            "width": {"type": "integer"},
            "classes": {"type": "array", "items": one, "description": "every class, in the order of its places"},
        },
        "required": ["mask", "height", "width", "classes"],
    }
