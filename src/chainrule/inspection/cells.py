"""Files of cells as far as a first look needs them: their dialect, the names of their columns, rows, how many there
are.
"""

import csv
import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from chainrule.data.formats import dialect
from chainrule.data.formats import text as encodings
from chainrule.data.formats.dialect import Dialect
from chainrule.inspection.profile import Profile, profile
from chainrule.system.errors import DataError

ENDINGS = {".csv", ".tsv", ".tab", ".txt", ".data", ".dat"}
BYTES = 32 << 20
"""So much of a file is read; of a larger one the rows are an estimate."""
ROWS = 100_000


@dataclass(frozen=True)
class Table:
    """A file of cells; every row has as many cells as there are columns."""

    path: Path
    dialect: Dialect
    titles: list[str] | None
    rows: list[list[str]]
    count: int
    whole: bool
    """Whether all of it was read."""
    odd: int
    """Rows of another width."""

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.dialect.width

    def column(self, at: int) -> list[str]:
        """Return a column's cells."""
        return [row[at] for row in self.rows]

    def profiles(self) -> list[Profile]:
        """Return what each column is."""
        titles = self.titles or [f"column {at}" for at in range(self.width)]
        named = self.titles is not None
        twice = {title for title in titles if titles.count(title) > 1}
        return [
            profile(title if named and title and title not in twice else at, title, self.column(at))
            for at, title in enumerate(titles)
        ]


def read(path: Path) -> Table | None:
    """Return a file of cells; None for one whose lines have no columns. Raises DataError for what is no text."""
    said = dialect.detect(path)
    if said.width < 2:
        return None
    size = path.stat().st_size
    data = encodings.content(path, "source", most=BYTES)
    if len(data) < size:
        data = data[: data.rfind(b"\n") + 1]
    text, _ = encodings.decoded({str(path): data}, said.encoding, "source.encoding")[str(path)]
    rows = _rows(text, said)
    titles = said.titles
    rows = rows[1:] if said.header else rows
    if not rows:
        raise DataError(f"{path}: holds a header and no rows; fetch the file again")
    fitting = [row for row in rows if len(row) == said.width]
    whole = len(data) == size and len(rows) < ROWS
    count = len(rows) if whole else round(text.count("\n") * size / len(data)) - int(said.header)
    return Table(path, said, titles, fitting, count, whole, len(rows) - len(fitting))


def _rows(text: str, said: Dialect) -> list[list[str]]:
    """Return the rows that hold something; where quotes do not match, what comes of it: the source counts them."""
    if not said.quoting:
        lines = islice((line.rstrip("\r\n") for line in io.StringIO(text, newline="\n")), ROWS)
        return [line.split(said.delimiter) for line in lines if line]
    before = csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=said.delimiter)
        return [row for row in islice(reader, ROWS) if row]
    except csv.Error:
        return [line.split(said.delimiter) for line in islice(text.splitlines(), ROWS) if line]
    finally:
        csv.field_size_limit(before)
