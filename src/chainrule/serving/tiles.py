"""Images larger than a model was made for, in tiles that overlap: memory grows with a tile and not with an image.

A pixel's answer is that of the tile in which it lies furthest from a cut; what lies within half of the overlap of one
is left to the next. So a seam is seen only where the net looks further than that.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Run = Callable[[Arrays], Arrays]


def around(run: Run, signature: Mapping[str, Any]) -> Run:
    """Return what runs a graph in tiles, where its signature says so: {"side", "overlap"} in pixels."""
    told = signature.get("tiles")
    if told is None:
        return run
    side, overlap = int(told["side"]), int(told["overlap"])
    return lambda inputs: in_tiles(run, inputs, side, overlap)


def in_tiles(run: Run, inputs: Arrays, side: int, overlap: int) -> Arrays:
    """Return the outputs [B, …, H, W] by name of a graph with one input [B, C, H, W], run in tiles of at most `side`.

    An image of no more pixels than a tile is run whole. Every tile is of one size, evenly spread, at least `overlap`
    pixels over its neighbours.
    """
    ((name, image),) = inputs.items()
    high, wide = image.shape[2:]
    if high * wide <= side * side:
        return run(inputs)
    found: Arrays = {}
    for top, first, last_row in spans(high, side, overlap):
        for left, start, last_column in spans(wide, side, overlap):
            cut = image[:, :, top : top + min(side, high), left : left + min(side, wide)]
            for output, array in run({name: np.ascontiguousarray(cut)}).items():
                whole = found.setdefault(output, np.empty((*array.shape[:-2], high, wide), array.dtype))
                own = array[..., first - top : last_row - top, start - left : last_column - left]
                whole[..., first:last_row, start:last_column] = own
    return found


def spans(length: int, side: int, overlap: int) -> list[tuple[int, int, int]]:
    """Return where each tile of an axis begins, and from where to where its answers stand."""
    if length <= side:
        return [(0, 0, length)]
    number = -(-(length - overlap) // (side - overlap))
    starts = [round(place * (length - side) / (number - 1)) for place in range(number)]
    edges = [0, *((start + before + side) // 2 for before, start in itertools.pairwise(starts)), length]
    return list(zip(starts, edges, edges[1:], strict=False))


def fault(signature: Mapping[str, Any]) -> str:
    """Return what is wrong with what a signature says of tiles, or ""."""
    told = signature.get("tiles")
    if told is None:
        return ""
    numbers = [told.get(name) for name in ("side", "overlap")] if isinstance(told, Mapping) else []
    side, overlap = numbers or (None, None)
    if not isinstance(side, int) or not isinstance(overlap, int) or not 0 <= 2 * overlap <= side:
        return "tiles need a side and an overlap of at most half of it, in pixels"
    return "" if len(signature["inputs"]) == 1 else "tiles are of the one input of a graph, here are several"
