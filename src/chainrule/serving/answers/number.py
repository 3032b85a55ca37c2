"""A number, in the unit of the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.system.errors import ChainruleError, DataError

OUTPUT = "value"
COLUMNS = ("predicted",)
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give one number [batch] per item."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    if len(shapes.get(OUTPUT, [])) != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"{signature['task']} needs an output {OUTPUT} [batch]; here is {found}; export it again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"value": a number} of the outputs [1] for one item. Raises ChainruleError when it is not finite."""
    value = float(outputs[OUTPUT][0])
    if not np.isfinite(value):
        raise ChainruleError("the model answered with a number that is not finite")
    return {"value": value}


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the number of an answer."""
    return [answer["value"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    value = {"type": "number", "description": "in the unit of the rows that the model was trained on"}
    return {"type": "object", "properties": {"value": value}, "required": ["value"]}
