"""A number, in the unit of the data, with an interval that holds 90% of the true ones where the bundle gives one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.system.errors import ChainruleError, DataError

OUTPUT = "value"
ENDS = ("low", "high")
COLUMNS = ("predicted",)
"""What a file of answers has of one, by `cells`."""


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give one number [batch] per item."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    if len(shapes.get(OUTPUT, [])) != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"{signature['task']} needs an output {OUTPUT} [batch]; here is {found}; export it again")


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"value", "low", "high"} of the outputs [1] for one item; ChainruleError when one is not finite."""
    found = {name: float(outputs[name][0]) for name in (OUTPUT, *ENDS) if name in outputs}
    if not np.isfinite(list(found.values())).all():
        raise ChainruleError("the model answered with a number that is not finite")
    return found


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the number of an answer."""
    return [answer["value"]]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    value = {"type": "number", "description": "in the unit of the rows that the model was trained on"}
    ends = {name: {"type": "number", "description": f"the {name} end of an interval of 90%"} for name in ENDS}
    return {"type": "object", "properties": {"value": value, **ends}, "required": ["value"]}
