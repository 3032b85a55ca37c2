"""What a model takes: inputs whose sizes agree, no more items than find room, no value that it does not know."""

from typing import Any

import numpy as np

from chainrule.serving import runtime
from chainrule.serving.batching import Arrays
from chainrule.serving.bundle import Bundle, longest
from chainrule.serving.errors import Refusal


class Bounds:
    """The bounds that a bundle says, and a number of items."""

    def __init__(self, bundle: Bundle, items: int) -> None:
        """Take what a bundle says, and how many items a request may have at most."""
        self._items = items
        self._places = _places(bundle)
        self._longest = {axis: longest(bundle, axis) for axis, _ in self._places}
        self._highest = _highest(bundle)

    def checked(self, inputs: Arrays) -> tuple[int, tuple[int, ...]]:
        """Return the items and the varying sizes of inputs. Raises Refusal for sizes or values that do not fit."""
        items, sizes = self._sizes(inputs)
        self._check_values(inputs)
        return items, sizes

    def _sizes(self, inputs: Arrays) -> tuple[int, tuple[int, ...]]:
        """Return the number of items and their varying sizes, which all inputs must agree upon."""
        found: list[int] = []
        for axis, places in self._places:
            name, place = places[0]
            size = inputs[name].shape[place]
            for other, where in places[1:]:
                if inputs[other].shape[where] != size:
                    message = f"{name} has {size} along {axis}, {other} has {inputs[other].shape[where]}"
                    raise Refusal(400, message, "shape")
            if size < 1:
                raise Refusal(400, f"{name} has nothing along {axis}", "shape")
            found.append(size)
        items = found[0]
        if items > self._items:
            raise Refusal(413, f"{items} items in one request; at most {self._items} are taken", "too_large")
        sizes = tuple(found[1:])
        for size, (axis, _) in zip(sizes, self._places[1:], strict=True):
            most = self._longest.get(axis)
            if most is not None and size > most:
                raise Refusal(400, f"{size} positions; this model takes at most {most}", "shape")
        return items, sizes

    def _check_values(self, inputs: Arrays) -> None:
        for name, unsigned, most in self._highest:
            # Read as unsigned, a negative number is larger than any other: one look is enough.
            seen = inputs[name].view(unsigned)
            if isinstance(most, int):
                if np.maximum.reduce(seen, axis=None) > most:
                    wrong = inputs[name].min() if inputs[name].min() < 0 else inputs[name].max()
                    raise Refusal(400, f"{name} has {wrong}; this model takes 0 to {most}", "values")
            elif (beyond := seen > most).any():
                *_, column = np.argwhere(beyond)[0]
                wrong = inputs[name][beyond][0]
                message = f"{name} has {wrong} in column {column}; this model takes 0 to {most[column]} there"
                raise Refusal(400, message, "values")


def _highest(bundle: Bundle) -> list[tuple[str, np.dtype[Any], int | np.ndarray]]:
    """Return each input whose values are bounded, its type without a sign, and the largest value or that by column."""
    found: list[tuple[str, np.dtype[Any], int | np.ndarray]] = []
    for tensor in bundle.inputs:
        if tensor.name in bundle.highest:
            most = bundle.highest[tensor.name]
            unsigned = np.dtype(f"u{runtime.NUMPY[tensor.datatype].itemsize}")
            found.append((tensor.name, unsigned, most if isinstance(most, int) else np.array(most, unsigned)))
    return found


def _places(bundle: Bundle) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return each varying axis, the batch first, with the inputs and places where it stands."""
    found: dict[str, list[tuple[str, int]]] = {}
    for tensor in bundle.inputs:
        for place, axis in enumerate(tensor.axes):
            if axis:
                found.setdefault(axis, []).append((tensor.name, place))
    return list(found.items())
