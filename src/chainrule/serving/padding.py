"""What goes into a graph, or comes out, of several requests or rows as one: filled up at the end of each axis."""

from collections.abc import Mapping, Sequence

import numpy as np


def together(inputs: Sequence[Mapping[str, np.ndarray]], padding: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return one batch of inputs by name, each [items, ...] and as large as the largest along every further axis.

    padding: what fills an input up, by name; 0 for one that is not named.
    """
    return {name: filled([each[name] for each in inputs], padding.get(name, 0)) for name in inputs[0]}


def filled(arrays: Sequence[np.ndarray], fill: float = 0) -> np.ndarray:
    """Return arrays, [items, ...] each, as one that is as large as the largest along every further axis."""
    shape = arrays[0].shape[1:]
    if all(array.shape[1:] == shape for array in arrays):
        return np.concatenate(arrays)
    largest = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    items = sum(len(array) for array in arrays)
    whole = np.full((items, *largest), fill, dtype=arrays[0].dtype)
    place = 0
    for array in arrays:
        whole[(slice(place, place + len(array)), *map(slice, array.shape[1:]))] = array
        place += len(array)
    return whole
