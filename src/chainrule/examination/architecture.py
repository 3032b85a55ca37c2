"""The net as a picture: what follows what, with the output, weights and multiply-adds of each block."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from chainrule.evaluation import page
from chainrule.evaluation.gradients import vector
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Table
from chainrule.examination.amounts import amount, shape
from chainrule.examination.blocks import Block, seen
from chainrule.examination.looked import Looked, one_row
from chainrule.examination.outline import Line, every, outline

WIDTH, ROW, GAP, TOP = 1000.0, 26.0, 6.0, 54.0
SHAPE, WEIGHTS, WORK, BAR = 560.0, 580.0, 800.0, 130.0
"""Where the columns are: the end of the shapes, the starts of the bars, and how long a bar may be."""
STEP = 14.0
"""How far a frame's lines are moved in."""
STYLE = (
    ".g .ink{fill:var(--ink)}.g .faint{fill:var(--faint)}.g .box{fill:var(--soft);stroke:var(--own)}"
    ".g .frame{fill:none;stroke:var(--other)}.g .own{fill:var(--own)}.g .other{fill:var(--other)}"
    ".g .way{stroke:var(--faint);fill:none}.g .beside{fill:none;stroke:var(--other);stroke-dasharray:4 3}"
)


def part(looked: Looked) -> Part:
    """Return the picture of the model, seen on its first validation row."""
    row = one_row(looked)
    model = seen(looked.model, row)
    lines = outline(model)
    given = {name: tuple(tensor.shape[1:]) for name, tensor in row.items()}
    answers = {name: found.shape[1:] for name, found in looked.outputs.items()}
    drawn = picture(lines, model, given, answers)
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in in_words(model, lines, given))
    body = f'{said}<figure class="wide scroll architecture">{drawn}</figure>{_table(lines)}<p class="note">{NOTE}</p>'
    numbers = {
        "parameters": model.parameters,
        "multiply_adds": model.work,
        "blocks": {
            line.modules[0]: {"parameters": line.parameters, "multiply_adds": line.work} for line in _named(lines)
        },
    }
    return Part("Architecture", f"<style>figure.architecture svg{{min-width:44rem}}</style>{body}", numbers)


NOTE = (
    "From the top to the bottom in the order of the calls; what a block adds to its own input is inside of it. Shapes "
    "are without the batch. A bar is of all that look the same, the longest of the largest block; the number beside it "
    "is of one. Weights that two blocks share are counted in both, and once in the whole. Multiply-adds are those of "
    "products of matrices, convolutions and attention: what else a net does, as norms and activations, has none."
)


def _named(lines: Sequence[Line]) -> list[Line]:
    return [line for line in every(lines) if line.modules]


def in_words(model: Block, lines: Sequence[Line], given: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return sentences: how large the model is, where its weights and its work are, and what it never calls."""
    row = ", ".join(f"{name} {shape(sizes)}" for name, sizes in given.items())
    found = [f"{amount(model.parameters)} weights; {amount(model.work or 0)} multiply-adds for a row of {row}."]
    leaves = [line for line in every(lines) if not line.opened and line.called and line.modules]
    for kind, values, whole in (
        ("weights", [line.everywhere * line.parameters for line in leaves], model.parameters),
        ("multiply-adds", [line.everywhere * (line.work or 0) for line in leaves], model.work or 0),
    ):
        if whole and len(leaves) > 1:
            most = max(range(len(leaves)), key=values.__getitem__)
            found.append(f"Most {kind}: {called(leaves[most])} with {values[most] / whole:.0%} of them.")
    idle = [line for line in every(lines) if not line.called and not line.sealed and line.parameters]
    if idle:
        names = ", ".join(f"{line.modules[0]} ({amount(line.parameters)} weights)" for line in idle[:5])
        found.append(f"Never called for an answer: {names}{' and more' if len(idle) > 5 else ''}.")
    closed = [line.modules[0] for line in every(lines) if line.sealed]
    if closed:
        found.append(f"Compiled, so that nothing can be seen inside: {', '.join(closed[:5])}.")
    return found


def called(line: Line) -> str:
    """Return what a sentence calls a line: a module, and how many like it there are."""
    name = line.modules[0] if line.modules else line.name
    return f"{name} and {line.everywhere - 1} like it" if line.everywhere > 1 else name


def _table(lines: Sequence[Line]) -> str:
    rows = [
        (
            f"{line.modules[0] if line.modules else line.name}{f' × {line.everywhere}' if line.everywhere > 1 else ''}",
            line.kind,
            shape(line.shape),
            f"{line.parameters:,}",
            "–" if line.work is None else f"{line.work:,}",
        )
        for line in every(lines)
    ]
    shown = Table("", ("block", "kind", "output", "weights", "multiply-adds"), rows, tall=True)
    return f"<details><summary>The same as a table</summary>{page.table(shown)}</details>"


class Most(NamedTuple):
    """What the longest bars stand for."""

    parameters: int
    work: int


def picture(
    lines: Sequence[Line],
    model: Block,
    given: Mapping[str, tuple[int, ...]],
    answers: Mapping[str, tuple[int, ...]],
) -> str:
    """Return the outline of a model as SVG; given and answers: shapes of its inputs and outputs by name."""
    parts = [
        vector.text(SHAPE, 18, "output", "faint", "end"),
        vector.text(WEIGHTS, 18, f"weights ({amount(model.parameters)})", "faint"),
        vector.text(WORK, 18, f"multiply-adds ({amount(model.work or 0)})", "faint"),
    ]
    leaves = [line for line in every(lines) if not line.opened]
    most = Most(
        max((line.everywhere * line.parameters for line in leaves), default=0),
        max((line.everywhere * (line.work or 0) for line in leaves), default=0),
    )
    y = _ends(parts, given, 30.0)
    for line in lines:
        y = _way(parts, y)
        y = _drawn(parts, line, most, 0, y)
    y = _way(parts, y)
    y = _ends(parts, answers, y)
    said = f"The net from its input to its answer: {'; '.join(_in_short(line) for line in lines)}"
    return vector.picture(WIDTH, y + 8, said, [f"<style>{STYLE}</style>", *parts])


def _in_short(line: Line) -> str:
    many = f", {line.times} times" if line.times > 1 else ""
    return f"{line.name} ({line.kind}{many}): output {shape(line.shape)}, {amount(line.parameters)} weights"


def _ends(parts: list[str], tensors: Mapping[str, tuple[int, ...]], y: float) -> float:
    for name, sizes in tensors.items():
        parts.append(vector.text(10, y + 14, name, "ink bold"))
        parts.append(vector.text(SHAPE, y + 14, shape(sizes), "ink", "end"))
        y += 20
    return y


def _way(parts: list[str], y: float) -> float:
    """Draw an arrow down to the next block."""
    parts.append(vector.line([(24, y), (24, y + 12)], "way"))
    parts.append(vector.line([(20, y + 8), (24, y + 12), (28, y + 8)], "way"))
    return y + 14


def _drawn(parts: list[str], line: Line, most: Most, depth: int, y: float) -> float:
    """Draw a line at y, with those of its frame; return where the next may begin."""
    left, wide = 8 + STEP * depth, SHAPE + 10 - 8 - 2 * STEP * depth
    if not line.opened:
        if line.times > 1:  # a stack
            parts.append(vector.rect(left + 4, y + 4, wide, ROW, "box"))
        parts.append(vector.rect(left, y, wide, ROW, "box" if line.called or line.sealed else "beside"))
        _cells(parts, line, most, left, y)
        return y + ROW + (4 if line.times > 1 else 0)
    start = len(parts)
    _cells(parts, line, most, left, y)
    below = y + ROW
    for inner in line.inside:
        below = _drawn(parts, inner, most, depth + 1, below) + GAP
    parts.insert(start, vector.rect(left, y, wide, below - y, "frame"))
    if line.times > 1:
        parts.insert(start, vector.rect(left + 4, y + 4, wide, below - y, "frame"))
    return below + (4 if line.times > 1 else 0)


def _cells(parts: list[str], line: Line, most: Most, left: float, y: float) -> None:
    """Write name, kind, shape and numbers of a line, with bars of its share of the whole."""
    many = f" × {line.times}" if line.times > 1 else ""
    room = int((SHAPE - left - 130) / 7)
    name = f"{line.name}{many}"
    name = name if len(name) <= room else f"…{name[-room + 1 :]}"
    kind = line.kind if line.called or line.sealed else f"{line.kind}, never called"
    left_over = room - len(name) - 2
    kind = kind if len(kind) <= left_over else f"{kind[: max(left_over - 1, 0)]}…"
    words = f'<tspan class="bold">{escape(name)}</tspan><tspan class="faint" dx="8">{escape(kind)}</tspan>'
    base = y + 17
    parts.append(f'<text x="{vector.number(left + 8)}" y="{vector.number(base)}" class="ink">{words}</text>')
    inner = left - 8
    parts.append(vector.text(SHAPE - inner, base, shape(line.shape), "ink", "end"))
    for start, value, whole, kind in (
        (WEIGHTS, line.parameters, most.parameters, "own"),
        (WORK, line.work or 0, most.work, "other"),
    ):
        if not value:
            continue
        long = 0.0 if line.opened else max(BAR * line.everywhere * value / whole, 1)
        if long:
            parts.append(vector.rect(start, y + 6, long, ROW - 12, kind, f"{line.everywhere} × {value:,}"))
        parts.append(vector.text(start + long + 6, base, amount(value), "faint"))
