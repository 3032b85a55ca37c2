"""What every kind of answer asks of a signature and of the numbers that a graph gave."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

import numpy as np

from chainrule.system.errors import ChainruleError, DataError


def classes(signature: Mapping[str, Any]) -> list[str]:
    """Return the classes that a model answers with. Raises DataError if they are not a list of texts."""
    found = signature["target"].get("classes")
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise DataError("the classes of the target are not a list of texts; export the bundle again")
    return found


def lines(signature: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    """Return the lines of an answer's doubt, and those of variants with their own; none of a bundle of before.

    Raises DataError if one of these names is neither a number nor null.
    """
    variants = signature.get("variants")
    places = [signature, *(variants.values() if isinstance(variants, Mapping) else [])]
    found = [place["uncertainty"] for place in places if isinstance(place, Mapping) and "uncertainty" in place]
    for each in found:
        if not isinstance(each, Mapping) or not {type(each.get(name)) for name in names} <= {int, float, NoneType}:
            raise DataError(f"uncertainty has not a number for each of {', '.join(names)}; export the bundle again")
    return found


def width(signature: Mapping[str, Any], output: str, columns: int) -> None:
    """Raise DataError unless the graph has an output [batch, columns] of this name, at least one wide."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    shape = shapes.get(output, [])
    if columns < 1 or len(shape) != 2 or shape[1] != columns:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        task = signature["task"]
        raise DataError(
            f"{task} needs classes, and an output {output} [batch, classes]; here are {columns} classes and {found}; "
            "export the bundle again"
        )


def finite(output: np.ndarray) -> np.ndarray:
    """Return the only row of an output [1, ...] as float64. Raises ChainruleError when it has what is no number."""
    row = np.asarray(output[0], np.float64)
    if not np.isfinite(row).all():
        raise ChainruleError("the model answered with a number that is not finite")
    return row
