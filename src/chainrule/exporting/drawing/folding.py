"""A graph made small enough to read: layers that follow one another and look the same once, chains as one box."""

from collections.abc import Hashable, Sequence, Set
from typing import NamedTuple

import numpy as np

from chainrule.exporting.drawing.nodes import Graph, Node

FEWEST = 4
"""Nodes that a layer drawn once has to save."""


class Box(NamedTuple):
    """Nodes that follow one another and have no other way between them; times: how often they are there."""

    nodes: tuple[Node, ...]
    times: int


class Folded(NamedTuple):
    """Boxes in the order of the graph; edges: from and to, places of boxes. sources and sinks: tensors by box.

    stacks: for each run of layers that look the same, how many there are and how many nodes one has.
    """

    boxes: list[Box]
    edges: list[tuple[int, int]]
    sources: list[tuple[str, int]]
    sinks: list[tuple[int, str]]
    stacks: list[tuple[int, int]]


def folded(graph: Graph) -> Folded:
    """Return a graph with what repeats once; an edge into or out of a layer left out is one of the layer drawn."""
    nodes = graph.nodes
    numbers: dict[Hashable, int] = {}
    looks = [(node.operator, node.weights, len(node.inputs), len(node.outputs)) for node in nodes]
    codes = np.array([numbers.setdefault(look, len(numbers)) for look in looks], dtype=np.int64)
    stands = np.arange(len(nodes))
    times = np.ones(len(nodes), dtype=np.int64)
    stacks: list[tuple[int, int]] = []
    _fold(codes, 0, stands, times, stacks)
    stands = _first(stands)
    giver = {name: place for place, node in enumerate(nodes) for name in node.outputs}
    edges = {
        (int(stands[giver[name]]), int(stands[place]))
        for place, node in enumerate(nodes)
        for name in node.inputs
        if name in giver
    }
    forward = sorted((one, other) for one, other in edges if one < other)
    kept = sorted(set(map(int, stands)))
    # What takes an input, or something of the layer before, has a way in of its own.
    opened = {other for one, other in edges if one >= other}
    opened |= {int(stands[at]) for at, node in enumerate(nodes) if any(name in graph.inputs for name in node.inputs)}
    box = _chains(kept, forward, times, opened)
    names = sorted(set(box.values()))
    place = {first: number for number, first in enumerate(names)}
    members: dict[int, list[Node]] = {first: [] for first in names}
    for each in kept:
        members[box[each]].append(nodes[each])
    between = {(place[box[one]], place[box[other]]) for one, other in forward if box[one] != box[other]}
    sources = {
        (name, place[box[int(stands[at])]])
        for at, node in enumerate(nodes)
        for name in node.inputs
        if name in graph.inputs
    }
    sinks = {(place[box[int(stands[giver[name]])]], name) for name in graph.outputs if name in giver}
    boxes = [Box(tuple(members[first]), int(times[first])) for first in names]
    return Folded(boxes, sorted(between), sorted(sources), sorted(sinks), stacks)


def _fold(codes: np.ndarray, start: int, stands: np.ndarray, times: np.ndarray, stacks: list[tuple[int, int]]) -> None:
    """Find what repeats in codes, which begin at `start`; say of each node which one it is drawn as, and how often."""
    waiting = [(start, start + len(codes))]
    while waiting:
        first, last = waiting.pop()
        found = repeated(codes[first - start : last - start])
        if found is None:
            continue
        begin, period, count = found
        begin += first
        unit = np.arange(begin, begin + period)
        for copy in range(1, count):
            stands[unit + copy * period] = unit
        times[begin : begin + period] *= count
        stacks.append((count, period))
        waiting += [(first, begin), (begin, begin + period), (begin + count * period, last)]


def _first(stands: np.ndarray) -> np.ndarray:
    """Return which node each is drawn as at last: what stands for it may itself be drawn as another."""
    while True:
        found: np.ndarray = stands[stands]
        if np.array_equal(found, stands):
            return found
        stands = found


def repeated(codes: np.ndarray) -> tuple[int, int, int] | None:
    """Return start, length and number of what repeats side by side and saves most; None where nothing does.

    What would save less than FEWEST nodes is left as it is.
    """
    best, saved = None, FEWEST - 1
    for period in range(1, len(codes) // 2 + 1):
        same = codes[:-period] == codes[period:]
        if int(same.sum()) < max(saved + 1, period):
            continue
        ends = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
        starts, lengths = ends[::2], ends[1::2] - ends[::2]
        longest = int(lengths.argmax())
        count = int(lengths[longest]) // period + 1
        if (count - 1) * period <= saved:
            continue
        # Where it may begin at several places: at the last, so that what leads to the first layer is not taken for one.
        begin = int(starts[longest]) + int(lengths[longest]) % period
        best, saved = (begin, period, count), (count - 1) * period
    return best


def _chains(
    kept: Sequence[int], edges: Sequence[tuple[int, int]], times: np.ndarray, opened: Set[int]
) -> dict[int, int]:
    """Return the first node of each node's box: along an edge that is the only one at both of its ends.

    opened: nodes with a way in that is not among the edges.
    """
    ahead: dict[int, list[int]] = {}
    behind: dict[int, list[int]] = {}
    for one, other in edges:
        ahead.setdefault(one, []).append(other)
        behind.setdefault(other, []).append(one)
    box: dict[int, int] = {}
    for node in kept:
        before = behind.get(node, [])
        joins = (
            len(before) == 1 and node not in opened and len(ahead[before[0]]) == 1 and times[before[0]] == times[node]
        )
        box[node] = box[before[0]] if joins else node
    return box
