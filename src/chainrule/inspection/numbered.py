"""What file names say of groups: whose file it is, or which of neighbouring numbers are of one session."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
CAMERA = {
    "img",
    "dsc",
    "dscn",
    "dscf",
    "pict",
    "image",
    "photo",
    "frame",
    "capture",
    "snap",
    "p",
    "mvi",
    "gopr",
    "cimg",
}
"""What cameras and programs call what they number in the order in which they see it."""
BLOCK = 100
"""Neighbouring numbers that are kept together."""
FEWEST_GROUPS = 5
MOST_GROUPS_LEFT = 20
"""At least so many blocks, so that each split has some."""


class Pattern(NamedTuple):
    """A regular expression whose one ( ) finds the group in a file's name, and what it was made of."""

    expression: str
    groups: int
    said: str


class Part(NamedTuple):
    """A part of file names of one shape, counted from 0: what finds it, and what it is in the first of them."""

    at: int
    expression: str
    example: str

    def value(self, name: str) -> str:
        """Return the part in a name, "" where the name is of another shape."""
        found = re.search(self.expression, name)
        return found[1] if found else ""


def parts(names: Sequence[str]) -> list[Part]:
    """Return the parts in which names of files differ, in their order; none where the names have no shape in common."""
    stems = [name.rpartition(".")[0] or name for name in names]
    cut = [_TOKEN.findall(stem) for stem in stems]
    shape = Counter(map(_shape, stems)).most_common(1)
    if not shape or shape[0][1] < 0.98 * len(stems):
        return []
    place = next(at for at, stem in enumerate(stems) if _shape(stem) == shape[0][0])
    columns = [[tokens[at] for tokens in cut if len(tokens) == len(cut[place])] for at in range(len(cut[place]))]
    return [
        Part(at, _expression(stems[place], columns, at), cut[place][at])
        for at, values in enumerate(columns)
        if len({*values}) > 1
    ]


def pattern(files: Sequence[tuple[str, str]]) -> Pattern | None:
    """Return the pattern of groups in files (label, name), or None where the names tell of none.

    A name is letters and numbers apart by other signs. A part of it that comes again in several files, of several
    values, is a group; the last number that varies is the one in the group, and what repeats the label is neither.
    Where only a camera's number is left, it is cut into blocks.
    """
    stems = [(label, name.rpartition(".")[0] or name) for label, name in files]
    cut = [_TOKEN.findall(stem) for _, stem in stems]
    shape = Counter(_shape(stem) for _, stem in stems).most_common(1)
    if not shape or shape[0][1] < 0.98 * len(stems):
        return None
    count = len(cut[0])
    columns = [[tokens[at] for tokens in cut if len(tokens) == count] for at in range(count)]
    labels = [label for (label, _), tokens in zip(stems, cut, strict=True) if len(tokens) == count]
    telling = [at for at, values in enumerate(columns) if _tells(values, labels)]
    if len(telling) >= 2:
        at = telling[0]
        distinct = len({*columns[at]})
        if FEWEST_GROUPS <= distinct <= 0.5 * len(columns[at]):
            return Pattern(_expression(stems[0][1], columns, at), distinct, f"{columns[at][0]} in {files[0][1]}")
    return _blocks(stems, columns, telling)


def _shape(stem: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", stem))


def _tells(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether a part of the names varies, and not with the label alone."""
    if len({*values}) < 2:
        return False
    by_label: dict[str, set[str]] = {}
    for value, label in zip(values, labels, strict=True):
        by_label.setdefault(label, set()).add(value)
    return any(len(found) > 1 for found in by_label.values())


def _expression(stem: str, columns: Sequence[Sequence[str]], at: int) -> str:
    """Return what finds the token at a place in names of a shape; what is the same in all stands as it is."""
    found = "^"
    end = 0
    for number, token in enumerate(_TOKEN.finditer(stem)):
        found += re.escape(stem[end : token.start()])
        kind = r"\d+" if token[0].isdigit() else r"[^\W\d_]+"
        if len({*columns[number]}) == 1:
            kind = re.escape(token[0])
        if number == at:
            return f"{found}({kind})"
        found, end = found + kind, token.end()
    return found


def _blocks(
    stems: Sequence[tuple[str, str]], columns: Sequence[Sequence[str]], telling: Sequence[int]
) -> Pattern | None:
    """Return blocks of neighbouring numbers: of a camera's, which does not begin again for each class."""
    if len(telling) != 1 or telling[0] == 0 or not columns[telling[0]][0].isdigit():
        return None
    at = telling[0]
    names = {value.lower() for value in columns[at - 1]}
    values = columns[at]
    if not names <= CAMERA or len({*values}) < 0.98 * len(values):
        return None
    numbers = [int(value) for value in values]
    digits = 2 if (max(numbers) - min(numbers)) // BLOCK >= MOST_GROUPS_LEFT else 1
    if min(map(len, values)) <= digits:
        return None
    size = 10**digits
    expression = _expression(stems[0][1], columns, at)[: -len(r"(\d+)")] + r"(\d+)" + r"\d" * digits
    groups = len({number // size for number in numbers})
    said = f"blocks of {size} neighbouring file numbers, which are likely of one session"
    return Pattern(expression, groups, said) if groups >= FEWEST_GROUPS else None
