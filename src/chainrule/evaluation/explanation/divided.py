"""A row as parts that can be hidden one by one, whatever its kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]


class Parts(NamedTuple):
    """The parts of a row: words of a text, tiles of an image, columns of a table, bands and times of a sound.

    about: what each is, plain data. owner: int64, which part each place of the row's inputs belongs to, -1 for none:
    [T] of a text's tokens, [H, W] of an image's pixels, [N + C + W] of a table's numbers, categories and texts, [P] of
    a sound's parts themselves. hidden: the inputs of rows of which some parts are hidden, by bool [M, P], True where a
    part stays. blank: the inputs, in the shape of the row's own, with nothing said in any part. hiding: what hidden
    means, in words. note: what had to be taken together, or is not read; "" if nothing.
    """

    about: Sequence[Mapping[str, Any]]
    owner: np.ndarray
    hidden: Callable[[np.ndarray], Arrays]
    blank: Arrays
    hiding: str
    note: str = ""


def together(parts: int, most: int) -> np.ndarray:
    """Return which of at most `most` runs of neighbours each of so many parts is in, int64 [parts], from 0."""
    return np.arange(parts) // -(-parts // min(parts, most)) if parts else np.arange(0)


def deviation(weights: np.ndarray, whole: float, none: float) -> float:
    """Return how far weights are from adding up to what the row says beyond nothing, as a share of that.

    0 where both are nothing. Completeness: Sundararajan et al. 2017, proposition 1.
    """
    gain = whole - none
    missed = abs(float(np.sum(weights)) - gain)
    return 0.0 if missed < 1e-9 else missed / max(abs(gain), 1e-9)
