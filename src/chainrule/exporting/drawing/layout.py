"""Boxes in layers: each below all that it takes, edges as straight as it goes.

Sugiyama, Tagawa & Toda 1981, https://doi.org/10.1109/TSMC.1981.4308636: layers, then an order within each by the mean
place of the neighbours, then places.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

GAP, SWEEPS = 24.0, 8
LONGEST = 6
"""An edge over more layers than this is not drawn through: a word at its end says where it comes from."""


class Laid(NamedTuple):
    """Where boxes are: the middle of each across, and its layer; edges as the box that they leave and the
    places (across, layer) on their way.

    far: edges that are not drawn.
    """

    middle: list[float]
    layer: list[int]
    ways: list[tuple[int, list[tuple[float, int]]]]
    far: list[tuple[int, int]]


def laid(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Laid:
    """Return places for boxes of these widths; edges lead from a box to one that stands behind it."""
    layer = [0] * len(widths)
    for one, other in sorted(edges, key=lambda edge: edge[1]):
        layer[other] = max(layer[other], layer[one] + 1)
    layer = _settled(layer, edges)
    near = [(one, other) for one, other in edges if layer[other] - layer[one] <= LONGEST]
    far = [(one, other) for one, other in edges if layer[other] - layer[one] > LONGEST]
    wide, level, chains = list(widths), list(layer), []
    for one, other in near:  # a long edge goes through a place of its own in each layer
        chain = [one]
        for between in range(layer[one] + 1, layer[other]):
            wide.append(2.0)
            level.append(between)
            chain.append(len(wide) - 1)
        chains.append([*chain, other])
    rows: list[list[int]] = [[] for _ in range(max(level, default=-1) + 1)]
    for box, at in enumerate(level):
        rows[at].append(box)
    links = [pair for chain in chains for pair in pairwise(chain)]
    middle = _placed(rows, wide, links)
    ways = [(chain[0], [(middle[box], level[box]) for box in chain]) for chain in chains]
    return Laid(middle[: len(widths)], layer, ways, far)


def _settled(layer: list[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return layers in which a box that takes nothing stands just above what it is for."""
    takes = {other for _, other in edges}
    first: dict[int, int] = {}
    for one, other in edges:
        first[one] = min(first.get(one, layer[other]), layer[other])
    return [first[box] - 1 if box not in takes and box in first else at for box, at in enumerate(layer)]


def _placed(rows: list[list[int]], wide: Sequence[float], links: Sequence[tuple[int, int]]) -> list[float]:
    """Return the middles: sweeps down and up put each box near the mean of its neighbours, none over another."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for one, other in links:
        below.setdefault(one, []).append(other)
        above.setdefault(other, []).append(one)
    middle = [0.0] * len(wide)
    for row in rows:
        _spread(row, wide, middle, [0.0] * len(row))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            near = above if down else below
            wanted = {box: _mean([middle[each] for each in near.get(box, [])], middle[box]) for box in row}
            row.sort(key=lambda box, wanted=wanted: wanted[box])  # type: ignore[misc]
            _spread(row, wide, middle, [wanted[box] for box in row])
    left = min((middle[box] - wide[box] / 2 for row in rows for box in row), default=0.0)
    return [each - left for each in middle]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(row: Sequence[int], wide: Sequence[float], middle: list[float], wanted: Sequence[float]) -> None:
    """Put the boxes of a layer near where they are wanted, in their order: the mean of pushing right and of left."""
    right, left = list(wanted), list(wanted)
    for place in range(1, len(row)):
        apart = (wide[row[place - 1]] + wide[row[place]]) / 2 + GAP
        right[place] = max(right[place], right[place - 1] + apart)
    for place in range(len(row) - 2, -1, -1):
        apart = (wide[row[place]] + wide[row[place + 1]]) / 2 + GAP
        left[place] = min(left[place], left[place + 1] - apart)
    for place, box in enumerate(row):
        middle[box] = (right[place] + left[place]) / 2
