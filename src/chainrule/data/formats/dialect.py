"""How a CSV or TSV file is written, found from its beginning: encoding, delimiter, quotes, header, decimal mark.

Every pair of a delimiter and of quotes that count or do not is tried. Of those that cut the lines into the most equal
rows it is the one with the most cells that are numbers, dates or truth values (after van den Burg, Nazábal and Sutton,
Wrangling Messy CSV Files by Detecting Row and Type Patterns, 2019).
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.data.formats import lines, tables
from chainrule.data.formats import text as encodings
from chainrule.fields.names import tidy
from chainrule.fields.numerals import BLANKS, bare

SAMPLE = 1 << 22
"""Bytes of a file that are looked at."""
ROWS = 2_000
"""Rows of these by which delimiters are compared."""
DELIMITERS = {",": 0.7, "\t": 0.7, ";": 0.7, "|": 0.7, " ": 0.95, "::": 0.95}
"""Likeliest first, and which share of the rows must be equal: blanks and colons stand in texts as well."""
ABOVE = 20
"""Rows among which a header is looked for."""
QUOTED = (",", ";")
"""Delimiters of files in which quotes count although none was met yet (RFC 4180)."""

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?\d{1,3}([., '\u00a0\u202f]\d{3})+([.,]\d+)?")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_TRUTH = {"true", "false", "yes", "no"}
_DECIMALS = {".": re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?"), ",": re.compile(r"[+-]?\d*,\d+")}
_THOUSANDS = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"),
}
_OTHER = {".": ",", ",": "."}
_APART = re.compile(rf"[+-]?[1-9]\d{{0,2}}([{BLANKS}]\d{{3}})+([.,]\d+)?")
"""A number with blanks between its thousands."""
_LIST = re.compile(r"\d{1,2}(,\d{1,2}){2,}")
"""Numbers of labels, say."""


class Dialect(NamedTuple):
    """How a file is written; `thousands` is the mark between thousands or None, `doubts` says what may be otherwise."""

    encoding: str
    delimiter: str
    quoting: bool
    header: bool
    decimal: str
    thousands: str | None
    titles: list[str] | None
    width: int
    doubts: list[str]
    skip: int
    """Lines above the header, or the first row: titles and notes."""


def detect(path: Path, encoding: str | None = None) -> Dialect:
    """Return how the file `path` is written.

    encoding: None, it is found as well. A file of one column has a comma for its delimiter and width 1. Raises
    DataError for a file that is missing, empty or no text, and where the encoding is in doubt.
    """
    text, found, whole = _beginning(path, encoding)
    ways = (True, False) if '"' in text else (True,)
    tried = [
        _Tried(delimiter, way, text, whole, ROWS)
        for delimiter in DELIMITERS
        for way in (ways if len(delimiter) == 1 else (False,))
    ]
    best = max(tried, key=lambda each: each.score)
    if len(ways) > 1 and len(best.delimiter) == 1:
        best = max((_Tried(best.delimiter, way, text, whole) for way in ways), key=lambda each: each.score)
    titled = above([row.cells or () for row in best.rows], best.width)
    skip = best.rows[titled].line - 1 if titled else 0
    rows = best.cells[titled:]
    header, doubt = _header(rows)
    body = rows[header:] or rows
    decimal, thousands, unsure = marks(body, best.width)
    titles = [tidy(cell) for cell in rows[0]] if header else None
    doubts = [each for each in (doubt, unsure) if each]
    quoting = best.quoting and (len(ways) > 1 or best.delimiter in QUOTED)
    return Dialect(found, best.delimiter, quoting, header, decimal, thousands, titles, best.width, doubts, skip)


def _beginning(path: Path, encoding: str | None) -> tuple[str, str, bool]:
    """Return whole lines from the beginning of a file, their encoding, and whether they are all of it."""
    data = encodings.content(path, "source", most=SAMPLE)
    whole = len(data) < SAMPLE
    if not whole:
        data = data[: data.rfind(b"\n") + 1] or data
        data = data[: len(data) - len(data) % 4] if data.startswith((b"\xff\xfe", b"\xfe\xff")) else data
    ((text, found),) = encodings.decoded({str(path): data}, encoding, "source.encoding").values()
    return text, found, whole


class _Tried:
    """The rows of a text by one way to write them, and how much speaks for it; most: rows that are looked at."""

    def __init__(self, delimiter: str, quoting: bool, text: str, whole: bool, most: int | None = None) -> None:
        self.delimiter, self.quoting = delimiter, quoting
        found = [row for row in islice(lines.rows(text, delimiter, quoting), most) if row.whole]
        if not whole:  # a quote may close behind what is looked at
            found = [row for row in found if row.fault != lines.UNCLOSED] or found
        self.rows = [row for row in found if row.cells]
        self.cells = [row.cells or () for row in self.rows]
        widths = Counter(map(len, self.cells))
        self.width = widths.most_common(1)[0][0] if widths else 0
        self.score = self._score(found, widths)

    def _score(self, found: Sequence[tables.Row], widths: Counter[int]) -> tuple[float, ...]:
        order = -list(DELIMITERS).index(self.delimiter)
        swallowed = sum(self._swallows(row.cells) for row in found if row.cells) if self.quoting else 0
        equal = (widths[self.width] - swallowed) / len(found)
        if self.width < 2 or equal < DELIMITERS[self.delimiter]:
            self.width = 1
            return False, 0, 0, 0, order, 0, self.quoting
        first = found[0].cells
        broken = sum(row.fault != "" for row in found) + swallowed
        quoted = sum(cell[:1] == cell[-1:] == '"' and len(cell) > 1 for cells in self.cells for cell in cells)
        amiss = (broken if self.quoting else quoted) / len(found)
        known = [cell for cells in self.cells[:ROWS] for cell in cells if cell.strip()]
        typed = sum(map(_typed, known)) / max(1, len(known))
        fits = first is not None and len(first) == self.width
        return fits, round(equal, 2), -round(amiss, 2), round(typed, 2), order, -amiss, self.quoting

    def _swallows(self, cells: Sequence[str]) -> int:
        """Return how many rows lie within a cell: a quote that opens one is closed by one of another row."""
        inner = (line for cell in cells if "\n" in cell for line in cell.split("\n")[1:-1])
        return sum(line.count(self.delimiter) == self.width - 1 for line in inner)


def _typed(cell: str) -> bool:
    value = bare(cell)
    return bool(_NUMBER.fullmatch(value) or _DATE.fullmatch(value)) or value.lower() in _TRUTH


# ---- header


def above(rows: Sequence[Sequence[Any]], width: int) -> int:
    """Return how many of the first rows stand above a table of so many columns: a title, a note, not half as full."""
    full = [sum(cell not in (None, "") for cell in row) for row in rows[:ROWS]]
    usual = sorted(full)[len(full) // 2] if full else 0
    for at, row in enumerate(rows[:ABOVE]):
        ends = next((place for place in range(len(row), 0, -1) if row[place - 1] not in (None, "")), 0)
        if ends >= width or full[at] * 2 > usual:
            return at
    return 0


def _header(rows: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Return whether the first row names the columns, and what makes that doubtful."""
    first, *body = rows or [[]]
    first = [tidy(cell) for cell in first]
    named = [title for title in first if title]
    if not named:
        return False, ""
    columns = [[row[at] for row in body if at < len(row)] for at in range(len(first))]
    votes = [_vote(title, own) for title, own in zip(first, columns, strict=True)]
    total = sum(votes)
    times = Counter(named)
    if any(vote <= 0 for title, vote in zip(first, votes, strict=True) if times[title] > 1):
        return False, ""  # names come once, unless their columns say that they are names
    if total == 0:
        known = any(title.casefold() in tables.TITLES | tables.SIDES for title in first)
        return known, f"whether its first line names the columns: {tables.short(', '.join(first))}"
    return total > 0, ""


def _vote(title: str, body: Sequence[str]) -> int:
    """Return 1 where a first cell is no value as the others of its column, -1 where it is one, 0 where none can say."""
    values = [tidy(cell) for cell in body if cell.strip()]
    if not values:
        return 0
    typed = sum(map(_typed, values)) / len(values)
    if not title:
        return 1 if typed > 0.9 else 0  # numbers of rows, which the column of an index is
    if typed > 0.9:
        return -1 if _typed(title) else 1
    if title in values:
        return -1
    few = len(set(values)) * 5 <= len(values)
    if title.casefold() in tables.TITLES | tables.SIDES or few:
        return 1
    return 0


# ---- numbers


def marks(rows: Sequence[Sequence[str]], width: int) -> tuple[str, str | None, str]:
    """Return the decimal mark, the mark between thousands (None: there is none), and what makes them doubtful."""
    columns = [[bare(row[at]) for row in rows[:ROWS] if at < len(row)] for at in range(width)]
    cells = [cell for own in columns if not any(map(_LIST.fullmatch, own)) for cell in own]
    for mark, form in _THOUSANDS.items():
        other = _OTHER[mark]
        # 1,234.5 or 1,234,567: nothing else can be meant.
        if any(form.fullmatch(cell) and (mark in cell or cell.count(other) > 1) for cell in cells):
            return mark, other, ""
    found = {mark: [cell for cell in cells if form.fullmatch(cell)] for mark, form in _DECIMALS.items()}
    mark = max(found, key=lambda each: len(found[each]))
    if any(sum(map(bool, map(_APART.fullmatch, own))) * 2 > sum(map(bool, own)) for own in columns):
        return mark, " ", ""
    if found[mark] and all(map(_THOUSANDS[_OTHER[mark]].fullmatch, found[mark])):
        return mark, None, f"whether {mark!r} in numbers such as {found[mark][0]!r} parts thousands or decimals"
    return mark, None, ""
