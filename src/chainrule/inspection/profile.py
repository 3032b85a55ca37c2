"""What a column of a table holds: numbers, dates, a few values, names, or running text."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chainrule.fields.names import ABSENT
from chainrule.fields.numerals import BLANKS, bare
from chainrule.fields.text import words
from chainrule.system.words import listed

NUMBER = re.compile(rf"[-+]?(\d{{1,3}}(,\d{{3}})+|\d{{1,3}}([{BLANKS}]\d{{3}})+|\d+)?(\.\d*)?([eE][-+]?\d+)?")
COMMA = re.compile(rf"[-+]?(\d{{1,3}}(\.\d{{3}})+|\d{{1,3}}([{BLANKS}]\d{{3}})+|\d+)?(,\d+)?")
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([T ]\d{1,2}:\d{2}(:\d{2})?)?"
    r"|\d{4}-(0[1-9]|1[0-2])"
)
BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"0", "1"}, {"ja", "nein"}, {"是", "否"})
MOSTLY = 0.95
"""What so many of a column's cells are, the column is."""
FEW = 0.5
"""A column with fewer values than this share of its rows repeats them."""
MANY, SELDOM = 20, 0.1
"""Running text has more values than so many, and than this share of its rows: a text may be there several times."""
PROSE = 6.0
"""Words of a cell on average from which a column is running text; a letter of a script without blanks is half a
word."""
SHOWN = 40
"""So many names of columns a message lists."""
SAMPLE = 500
"""So many cells tell how long texts are."""


@dataclass(frozen=True)
class Profile:
    """A column as far as it was looked at."""

    column: str | int
    """As a recipe names it."""
    title: str
    cells: int
    """Those that hold something."""
    missing: int
    values: Counter[str]
    kind: str
    """constant, number, date, boolean, category, text (running text), or names (hardly a value twice)."""
    whole: bool = False
    """Whether its numbers are whole."""
    comma: bool = False
    """Whether its numbers have a decimal comma."""
    words: float = 0.0
    characters: float = 0.0

    @property
    def distinct(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def unique(self) -> bool:
        """Whether hardly a value is there twice."""
        return self.cells > 1 and self.distinct >= 0.98 * self.cells


def profile(column: str | int, title: str, cells: Sequence[str]) -> Profile:
    """Return what a column's cells are."""
    held = [cell.strip() for cell in cells]
    values = Counter(cell for cell in held if not absent(cell))
    count = sum(values.values())
    found = Profile(column, title, count, len(held) - count, values, "constant")
    if len(values) < 2:
        return found
    sample = list(values)[:SAMPLE]
    found = replace(found, words=statistics.fmean(map(_words, sample)), characters=statistics.fmean(map(len, sample)))
    if {value.lower() for value in values} in BOOLEANS:
        return replace(found, kind="boolean")
    if share(values, NUMBER, count) >= MOSTLY:
        return replace(found, kind="number", whole=all(_whole(value) for value in values))
    if share(values, COMMA, count) >= MOSTLY:
        return replace(found, kind="number", comma=True)
    if share(values, DATE, count) >= MOSTLY:
        return replace(found, kind="date")
    if found.words >= PROSE and (len(values) > FEW * count or len(values) >= max(MANY, SELDOM * count)):
        return replace(found, kind="text")
    return replace(found, kind="names" if len(values) >= FEW * count and len(values) > MANY else "category")


def absent(cell: str) -> bool:
    """Whether a cell holds nothing, in one of the usual ways to write so."""
    return not cell or (len(cell) < 10 and cell.lower() in ABSENT)


def share(values: Counter[str], pattern: re.Pattern[str], count: int) -> float:
    """Return the share of the cells that are written so."""
    return sum(times for value, times in values.items() if value and pattern.fullmatch(bare(value))) / count


def number(value: str, comma: bool = False) -> float | None:
    """Return the number that a cell holds, None where it is none."""
    plain = "".join(sign for sign in bare(value) if sign not in BLANKS)
    try:
        return float(plain.replace(".", "").replace(",", ".") if comma else plain.replace(",", ""))
    except ValueError:
        return None


def numbers(given: Profile) -> list[float]:
    """Return a column's different numbers; what is not finite is none."""
    found = (number(value, given.comma) for value in given.values)
    return [each for each in found if each is not None and math.isfinite(each)]


def parted(given: Profile, mark: str) -> bool:
    """Whether a mark stands between the thousands of some of a column's numbers."""
    signs = BLANKS if mark == " " else mark
    return given.kind == "number" and any(sign in bare(value) for value in given.values for sign in signs)


def _whole(value: str) -> bool:
    found = number(value)
    return found is not None and found.is_integer()


def _words(text: str) -> float:
    return sum(1.0 if word.isascii() or len(word) > 1 else 0.5 for word in words(text))


def titles(profiles: Iterable[Profile]) -> str:
    """Return the names of columns as a message lists them."""
    return listed([each.title or f"column {each.column}" for each in profiles], SHOWN)
