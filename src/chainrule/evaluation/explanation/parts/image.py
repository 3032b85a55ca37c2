"""The tiles of an image; one that is hidden has the mean colour of the image."""

from collections.abc import Mapping
from math import isqrt
from typing import Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts

USUAL = 49
"""Tiles of an image where more may be run, too: what a person tells apart."""


def divide(inputs: Arrays, values: Mapping[str, Any], facts: Mapping[str, Any], tokenizer: Any, most: int) -> Parts:
    """Return a square number of tiles, at most `most` and USUAL, of the one image uint8 [1, C, H, W] in `inputs`."""
    ((name, image),) = inputs.items()
    height, width = image.shape[2:]
    wanted = min(isqrt(most), isqrt(USUAL))
    rows, columns = min(wanted, height), min(wanted, width)
    down, across = (np.arange(size) * tiles // size for size, tiles in ((height, rows), (width, columns)))
    owner = down[:, None] * columns + across
    colour = image.mean(axis=(2, 3), keepdims=True).round().astype(image.dtype)

    def hidden(masks: np.ndarray) -> Arrays:
        return {name: np.where(masks[:, owner][:, None], image, colour)}

    about = [
        {"top": _edge(row, rows, height), "bottom": _edge(row + 1, rows, height),
         "left": _edge(column, columns, width), "right": _edge(column + 1, columns, width)}
        for row in range(rows) for column in range(columns)
    ]  # fmt: skip
    blank = {name: np.broadcast_to(colour, image.shape).copy()}
    note = f"{rows} × {columns} tiles, coarser than {isqrt(USUAL)} × {isqrt(USUAL)}" if most < USUAL else ""
    return Parts(about, owner, hidden, blank, "the mean colour of the image", note)


def _edge(tile: int, tiles: int, size: int) -> int:
    """Return where a tile begins, the first pixel that `owner` gives it."""
    return -(-tile * size // tiles)
