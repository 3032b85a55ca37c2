"""A folded graph as SVG, from its inputs at the top to its outputs at the bottom."""

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.evaluation.gradients import vector
from chainrule.exporting.drawing.folding import Box, Folded
from chainrule.exporting.drawing.layout import Laid, laid
from chainrule.exporting.drawing.nodes import Node

LINE, LETTER, PAD, BETWEEN = 17.0, 7.4, 8.0, 34.0
"""Height of a line, width of a letter, room inside of a box and between layers."""
MOST_LINES, MOST_BOXES = 12, 300
"""Lines of a box and boxes of a picture; what is more is said in words."""
STYLE = (
    ".g .ink{fill:var(--ink)}.g .faint{fill:var(--faint)}.g .own{fill:var(--own)}.g .box{fill:var(--card);"
    "stroke:var(--other)}.g .heavy{fill:var(--soft);stroke:var(--own)}.g .end{fill:none;stroke:var(--faint);"
    "stroke-dasharray:3 3}.g .way{fill:none;stroke:var(--faint)}"
)


class _Drawn(NamedTuple):
    """A box as it is drawn: its lines, and what more is said where the pointer is over it."""

    lines: list[str]
    more: str
    times: int
    kind: str

    @property
    def width(self) -> float:
        longest = max(len(line) for line in self.lines) + (5 if self.times > 1 else 0)
        return max(longest * LETTER + 2 * PAD, 60.0)

    @property
    def height(self) -> float:
        return len(self.lines) * LINE + PAD


def picture(graph: Folded) -> str:
    """Return the graph as SVG; of more than MOST_BOXES boxes the first."""
    count = min(len(graph.boxes), MOST_BOXES)
    drawn = [_of_box(box) for box in graph.boxes[:count]]
    edges = [(one, other) for one, other in graph.edges if other < count]
    names = list(dict.fromkeys(name for name, place in graph.sources if place < count))
    # Inputs stand before all boxes, outputs behind.
    shift = len(names)
    edges = [(one + shift, other + shift) for one, other in edges]
    edges += [(names.index(name), place + shift) for name, place in graph.sources if place < count]
    ends = [(place, name) for place, name in graph.sinks if place < count]
    edges += [(place + shift, shift + count + number) for number, (place, _) in enumerate(ends)]
    every = [_Drawn([name], "an input", 1, "end") for name in names]
    every += [*drawn, *(_Drawn([name], "an output", 1, "end") for _, name in ends)]
    return _picture(every, laid([each.width for each in every], edges))


def _of_box(box: Box) -> _Drawn:
    lines = [_line(node) for node in box.nodes]
    if len(lines) > MOST_LINES:
        half = (MOST_LINES - 1) // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} more", *lines[-half:]]
    said = ", ".join(node.name or node.operator for node in box.nodes[:20])
    heavy = any(len(shape) > 1 for node in box.nodes for shape in node.weights)
    return _Drawn(lines, said, box.times, "heavy" if heavy else "box")


def _line(node: Node) -> str:
    """Return an operator with the shape of its weights: of several, of those with the most axes."""
    axes = max((len(shape) for shape in node.weights), default=0)
    shape = next((shape for shape in node.weights if len(shape) == axes), ())
    return f"{node.operator} {'×'.join(map(str, shape))}".strip()


def _picture(every: Sequence[_Drawn], place: Laid) -> str:
    layers = max(place.layer, default=0) + 1
    heights = [0.0] * layers
    for each, at in zip(every, place.layer, strict=True):
        heights[at] = max(heights[at], each.height)
    tops = [10.0]
    for height in heights:
        tops.append(tops[-1] + height + BETWEEN)
    parts = [
        _way([(x + 10, tops[at], heights[at]) for x, at in way], tops[way[0][1]] + every[start].height)
        for start, way in place.ways
    ]
    stubs: dict[int, list[str]] = {}
    for one, other in place.far:
        stubs.setdefault(other, []).append(every[one].lines[-1])
    for box, (each, middle, at) in enumerate(zip(every, place.middle, place.layer, strict=True)):
        left, top = middle - each.width / 2 + 10, tops[at]
        parts.append(vector.rect(left, top, each.width, each.height, each.kind, each.more))
        for number, line in enumerate(each.lines):
            words = vector.text(left + PAD, top + LINE * (number + 0.5) + 8, line, "ink")
            parts.append(words)
        if each.times > 1:
            parts.append(vector.text(left + each.width - 5, top + 15, f"×{each.times}", "own", "end"))
        if box in stubs:
            said = ", ".join(dict.fromkeys(stubs[box]))
            parts.append(vector.text(left + 4, top - 5, f"also from {said if len(said) < 50 else 'afar'}", "faint"))
    width = max((middle + each.width / 2 for each, middle in zip(every, place.middle, strict=True)), default=0.0) + 20
    height = tops[-1] - BETWEEN + 10
    said = f"The graph from its inputs to its outputs, {len(every)} boxes in {layers} layers"
    return vector.picture(width, height, said, [f"<style>{STYLE}</style>", *parts])


def _way(points: Sequence[tuple[float, float, float]], y: float) -> str:
    """Return an edge as a curve from y, below the first of its places, to above the last; points: x, top, height."""
    (x, _, _), rest = points[0], points[1:]
    path = [f"M{vector.number(x)} {vector.number(y)}"]
    for number, (to, below, tall) in enumerate(rest):
        bend = (below - y) / 2
        path.append(
            f"C{vector.number(x)} {vector.number(y + bend)} {vector.number(to)} {vector.number(below - bend)} "
            f"{vector.number(to)} {vector.number(below)}"
        )
        x, y = to, below
        if number < len(rest) - 1:
            y = below + tall
            path.append(f"V{vector.number(y)}")
    return f'<path d="{"".join(path)}" class="way"/>'
