"""How a file of cells is written: what stands between its columns, whether quotes enclose cells, whether it has a
header.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from chainrule.fields.names import tidy

DELIMITERS = ("\t", ",", ";", "|")
LINES = 2000
"""So many lines are looked at."""
_STRAY = re.compile(r'(?<!")"(?:"")*(?!")')
MOST = 60
"""Characters of the longest name of a column."""


class Dialect(NamedTuple):
    """As the recipe says it."""

    delimiter: str
    quoting: bool
    header: bool


def dialect(text: str) -> Dialect | None:
    """Return how a text is written; None where no character parts its lines into as many columns each."""
    lines = list(islice((line for line in text.splitlines() if line.strip()), LINES))
    best = max(
        ((score, -at, each) for at, each in enumerate(DELIMITERS) if (score := _steady(lines, each))), default=None
    )
    if best is None:
        return None
    delimiter = best[2]
    quoting = _quoted(lines, delimiter)
    rows = [row for row in _rows(lines, delimiter, quoting) if row]
    return Dialect(delimiter, quoting, _header(rows))


def _steady(lines: Sequence[str], delimiter: str) -> float:
    """Return the share of lines with the usual number of columns, 0 where that is one."""
    both = [_rows(lines, delimiter, quoting) for quoting in (True, False)]
    return max(_share(rows) for rows in both)


def _share(rows: Sequence[Sequence[str]]) -> float:
    widths = Counter(map(len, rows))
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    share = count / len(rows) if rows else 0
    return share if width > 1 and share > 0.8 else 0


def _quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes enclose cells.

    A writer of cells encloses all of them, or those that need it: in which a quote, doubled, or the delimiter stands.
    """
    if not any('"' in line for line in lines):
        return delimiter != "\t"
    enclosed = _share(_rows(lines, delimiter, True))
    if enclosed > _share(_rows(lines, delimiter, False)):
        return True
    cells = [cell.strip() for line in lines for cell in line.split(delimiter)]
    opened = [cell for cell in cells if cell.startswith('"')]
    closed = [cell for cell in opened if len(cell) > 1 and cell.endswith('"')]
    needed = [cell for cell in closed if '""' in cell[1:-1]]
    stray = any(_STRAY.search(cell[1:-1]) for cell in closed) or len(closed) < len(opened)
    return bool(closed) and not stray and (len(needed) == len(closed) or len(closed) > 0.3 * len(cells))


def _rows(lines: Sequence[str], delimiter: str, quoting: bool) -> list[list[str]]:
    if not quoting:
        return [line.split(delimiter) for line in lines]
    before = csv.field_size_limit(2**31 - 1)
    try:
        return list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter))
    except csv.Error:
        return []
    finally:
        csv.field_size_limit(before)


def _header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: no numbers, nothing twice, and nothing that a later row repeats."""
    first, others = rows[0], rows[1:]
    names = [tidy(cell) for cell in first]
    # The first may be empty: a table that was written with the numbers of its rows.
    if not others or len({*names}) < len(names) or not all(names[1:]) or any(_number(name) for name in names[:1]):
        return False
    if any(len(name) > MOST for name in names):
        return False
    columns = [[row[at] for row in others if len(row) == len(first)] for at in range(len(first))]
    unlike = 0
    for name, cells in zip(names, columns, strict=True):
        distinct = {*map(tidy, cells)}
        numbers = sum(map(_number, cells)) > 0.9 * len(cells)
        if name in distinct and len(distinct) < 0.5 * len(cells):
            return False  # a value like those below
        if numbers and _number(name):
            unlike -= 1  # columns of years and the like are named by numbers
        else:
            unlike += numbers or len(distinct) < 0.5 * len(cells)
    return unlike > 0


def _number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "."))
    except ValueError:
        return False
    return True
