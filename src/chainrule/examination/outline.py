"""A net's blocks folded so far that a person reads them at a glance: layers that repeat once, small ones together."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from chainrule.examination.blocks import Block

MOST_LINES = 42
"""What a picture of a net has room for."""


@dataclass
class Line:
    """One line of the outline: a block with those that are drawn into it, and how many such follow one another.

    name: without what the frame around it says; modules: names of the modules that it stands for, of the first of
    those that look the same. parameters and work are of one of them; times: how many follow one another; everywhere:
    how many there are, in all the frames that look like the one around it. inside: what it can be opened into; opened:
    whether it is, as a frame around these lines.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    work: int | None
    modules: list[str]
    called: bool = True
    sealed: bool = False
    times: int = 1
    everywhere: int = 1
    inside: list["Line"] = field(default_factory=list)
    opened: bool = False

    @property
    def height(self) -> int:
        """How many lines it takes."""
        return 1 + sum(line.height for line in self.inside) if self.opened else 1


def outline(model: Block, most: int = MOST_LINES) -> list[Line]:
    """Return a model as at most `most` lines, in the order of its calls; blocks are opened, the largest first.

    Where more blocks than that stand side by side, those in the middle are one line that says how many they are.
    """
    top = _elided(_lines(_unwrapped(model).inside, "") or [_line(model, "")], most)
    while True:
        room = most - sum(line.height for line in top)
        closed = [line for line in every(top) if line.inside and not line.opened and len(line.inside) <= room]
        if not closed:
            _count(top, 1)
            return top
        max(closed, key=lambda line: _weight(line, model)).opened = True


def every(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines that are to be seen, those of a frame after it."""
    for line in lines:
        yield line
        if line.opened:
            yield from every(line.inside)


def _count(lines: Sequence[Line], around: int) -> None:
    for line in lines:
        line.everywhere = around * line.times
        _count(line.inside, line.everywhere)


def _weight(line: Line, model: Block) -> float:
    """Return how much of a model a line stands for, by weights and by work; what is beside the way comes last."""
    share = line.parameters / max(model.parameters, 1) + (line.work or 0) / max(model.work or 0, 1)
    return line.times * share if line.called else -1


def _lines(blocks: Sequence[Block], frame: str) -> list[Line]:
    """Return blocks side by side as lines: small ones join the one before, and those that look the same are one."""
    blocks = [block for block in blocks if block.calls or block.parameters or block.sealed]
    found: list[Line] = []
    before: Hashable = None
    last = 0
    for start in _starts(blocks):
        group = blocks[last:start]
        last = start
        if not group:
            continue
        look = tuple(_look(block) for block in group)
        if look == before and group[0].calls:
            found[-1].times += 1
        else:
            found.append(_joined(group, frame))
        before = look
    return found


def _starts(blocks: Sequence[Block]) -> list[int]:
    """Return where groups end: a norm, an activation or a dropout belongs to the leaf before it."""
    ends = []
    for place in range(1, len(blocks)):
        one, other = blocks[place - 1], blocks[place]
        small = not other.work and not other.inside and other.calls and not other.sealed and other.shape == one.shape
        norm = small and "Embedding" not in other.kind
        if not (norm and not one.inside and one.calls):
            ends.append(place)
    return [*ends, len(blocks)]


def _joined(group: Sequence[Block], frame: str) -> Line:
    line = _line(group[0], frame)
    for block in group[1:]:
        line.kind += f" + {block.kind}"
        line.parameters += block.parameters
        line.modules.append(block.name)
    return line


def _line(block: Block, frame: str) -> Line:
    inner = _unwrapped(block)
    inside = _lines(inner.inside, inner.name)
    line = Line(
        name=inner.name.removeprefix(f"{frame}.") if frame else inner.name,
        kind=inner.kind,
        shape=inner.shape,
        parameters=block.parameters,
        work=block.work,
        modules=[inner.name],
        called=block.calls > 0,
        sealed=inner.sealed,
        inside=inside,
    )
    if len(inside) == 1 and inside[0].times == 1 and inside[0].parameters == block.parameters:  # a frame of one line
        only = inside[0]
        line.name, line.kind, line.inside = f"{line.name}.{only.name}".strip("."), only.kind, only.inside
        line.modules = only.modules
    return line


def _unwrapped(block: Block) -> Block:
    """Return the block that does the work of one that only wraps it."""
    while len(block.inside) == 1 and block.inside[0].parameters == block.parameters and block.inside[0].inside:
        block = block.inside[0]
    return block


def _look(block: Block) -> Hashable:
    """Return what two blocks that look the same have in common: all but their names."""
    return block.kind, block.shape, block.parameters, block.work, block.calls, tuple(map(_look, block.inside))


def _elided(lines: list[Line], most: int) -> list[Line]:
    if len(lines) <= most:
        return lines
    half = (most - 1) // 2
    away = lines[half : len(lines) - half]
    work = sum(line.times * (line.work or 0) for line in away)
    parameters = sum(line.times * line.parameters for line in away)
    middle = Line(f"… {len(away)} more", "not drawn", away[-1].shape, parameters, work, [])
    return [*lines[:half], middle, *lines[len(lines) - half :]]
