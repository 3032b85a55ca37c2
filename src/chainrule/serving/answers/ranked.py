"""What is said of a user, with or without an item: its value and its place, and the first of all items by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.fields.interaction import ITEM
from chainrule.system.errors import ChainruleError, DataError

OUTPUTS = ("value", "rank", "top", "top_values", "activity", "popularity")
LEAST = -1e29
"""Values below it are of items that the user met in training, which no list has."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give the outputs of a list."""
    named = {tensor["name"] for tensor in signature["outputs"]}
    if missing := [name for name in OUTPUTS if name not in named]:
        raise DataError(f"{signature['task']} needs the outputs {', '.join(missing)}; export the bundle again")


def answer(
    outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any], called: str, ends: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return what the outputs [1, ...] say of one pair, and the whole list; called: what a value is, with its ends.

    {"user_known", "user_rows", called, *ends, "item_known", "rank", "items": [{"item", called}]}. Raises ChainruleError
    when a value is not finite.
    """
    values = {called: outputs["value"], **{end: outputs[end] for end in ends if end in outputs}}
    told = {name: float(array[0]) for name, array in values.items()}
    top, scores = outputs["top"][0], outputs["top_values"][0]
    if not (np.isfinite(list(told.values())).all() and np.isfinite(scores).all()):
        raise ChainruleError("the model answered with a number that is not finite")
    names = signature["preprocessing"]["interaction"]["facts"]["items"]
    return {
        "user_known": bool(outputs["activity"][0] > 0),
        "user_rows": int(outputs["activity"][0]),
        **told,
        "item_known": bool(outputs["popularity"][0] > 0),
        "rank": int(outputs["rank"][0]),
        "items": [
            {"item": names[int(place) - 1], called: float(value)}
            for place, value in zip(top, scores, strict=True)
            if value > LEAST
        ],
    }


def beside(answer: dict[str, Any], read: Mapping[str, Any], of_item: tuple[str, ...]) -> dict[str, Any]:
    """Return an answer with as many items as were asked for, without those that are not wanted.

    read: what was sent by input field, as `serving.parts.interaction` reads it; of_item: what is left out where no item
    was named.
    """
    (asked,) = read.values()
    listed = [entry for entry in answer["items"] if entry["item"] not in asked.without][: asked.most]
    told = {**answer, "items": listed}
    if asked.row[ITEM] is None:
        told = {name: value for name, value in told.items() if name not in of_item}
    return told


def schema(called: str, about: str, ends: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    value = {"type": "number", "description": about}
    entry = {"type": "object", "properties": {"item": {"type": "string"}, called: value}, "required": ["item", called]}
    return {
        "type": "object",
        "properties": {
            "user_known": {"type": "boolean", "description": "whether training met the user"},
            "user_rows": {"type": "integer", "description": "training rows of the user"},
            called: {**value, "description": f"{about}; absent where no item was named"},
            **{end: {"type": "number", "description": f"the {end} end of an interval of 90%"} for end in ends},
            "item_known": {"type": "boolean", "description": "whether training met the item"},
            "rank": {
                "type": "integer",
                "minimum": 1,
                "description": "the item's place among all items that the user did not meet in training",
            },
            "items": {
                "type": "array",
                "items": entry,
                "description": "the first k of them, without those that the request leaves out",
            },
        },
        "required": ["user_known", "user_rows", "items"],
    }
