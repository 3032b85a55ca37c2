"""Files of cells as far as a first look needs them: how they are written, their columns, rows, how many there are."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from chainrule.data.formats import columnar, dialect, objects, workbook
from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import Table as Opened
from chainrule.data.formats.tables import refuse_wide
from chainrule.data.formats.typed import written
from chainrule.inspection.profile import Profile, profile
from chainrule.system.errors import DataError, ParamsError
from chainrule.system.words import count as counted
from chainrule.system.words import listed

KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data", ".dat"), "delimited"),
    **dict.fromkeys((".xlsx", ".xlsm"), "excel"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json_lines"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
"""The source that reads files of an ending."""
BYTES = 32 << 20
"""So much of a CSV file is read; of a larger one the rows are an estimate."""
ROWS = 100_000
SHEET, CLEARLY = 200, 3
"""So many rows of each sheet are compared; the one that is taken has so many times the cells of the next."""
_SIGNS = {"::": "double colons", "\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}


@dataclass(frozen=True)
class Table:
    """A file of cells as texts; every row has as many cells as there are columns."""

    path: Path
    kind: str
    """The source that reads it."""
    options: dict[str, Any]
    """The source's options that are not its defaults, columns aside."""
    said: str
    """How it is written, in words."""
    titles: list[str] | None
    rows: list[list[str]]
    count: int
    whole: bool
    """Whether all of it was read."""
    odd: int = 0
    """Rows of another width."""
    decimal: str = "."
    thousands: str = ""
    doubts: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.titles) if self.titles is not None else len(self.rows[0])

    def column(self, at: int) -> list[str]:
        """Return a column's cells."""
        return [row[at] for row in self.rows]

    def places(self, column: str | int | Sequence[str | int]) -> list[int]:
        """Return the places of a column, or of several, as a recipe names them."""
        several = [column] if isinstance(column, str | int) else column
        return [self.titles.index(each) if isinstance(each, str) and self.titles else int(each) for each in several]

    def profiles(self) -> list[Profile]:
        """Return what each column is."""
        titles = self.titles or [f"column {at}" for at in range(self.width)]
        times = Counter(titles)
        return [
            profile(title if self.titles and title and times[title] == 1 else at, title, self.column(at))
            for at, title in enumerate(titles)
        ]

    def named(self, called: Sequence[str] = ()) -> "Table":
        """Return the table with names for its columns, if it has none: rows of a table are told by names."""
        if self.titles is not None:
            return self
        titles = [*called] or [f"column_{at}" for at in range(self.width)]
        return replace(self, titles=titles, options={**self.options, "header": titles})


def read(path: Path, sheet: str | None = None) -> Table | None:
    """Return a file of cells, of a workbook the sheet that is asked for, or that holds most; None for no columns.

    Raises DataError for what cannot be read, ParamsError where two sheets could be the table.
    """
    kind = KINDS[path.suffix.lower()]
    if kind == "delimited":
        return _delimited(path)
    if kind == "excel":
        return _workbook(path, sheet)
    if kind == "json_lines":
        _refuse_wrapped(path)
        (opened,) = objects.tables([path], encoding=None, section="source")
    else:
        (opened,) = columnar.tables([path], section="source")
    return _opened(opened, kind)


def _workbook(path: Path, asked: str | None) -> Table | None:
    """Return a sheet of a workbook: the one that is asked for, or that holds by far the most cells."""
    looked = workbook.sheets(path, SHEET, "source")
    full = {name: sum(len(row.cells or ()) for row in rows) for name, rows in looked.items() if rows}
    if asked is not None and asked not in looked:
        raise ParamsError(f"--sheet {asked}: {path.name} has {', '.join(looked)}")
    largest = sorted(full, key=lambda name: -full[name])
    if asked is None and len(full) > 1 and full[largest[0]] < CLEARLY * full[largest[1]]:
        raise ParamsError(f"{path}: several sheets could be the table: {', '.join(full)}; name one by --sheet")
    sheet = asked if asked is not None else largest[0] if largest else None
    rows = [row.cells or () for row in looked.get(sheet or "", [])]
    titled = dialect.above(rows, max(map(len, rows), default=0))
    skip = looked[str(sheet)][titled].line - 1 if titled else 0
    (opened,) = workbook.tables([path], sheet=sheet, header=True, skip=skip, section="source")
    named = {"sheet": sheet} if len(full) > 1 else {}
    found = _opened(opened, "excel")
    if found is None:
        return None
    beside = [name for name in full if name != sheet]
    said = f"{found.said} {sheet}{f' (not used: {listed(beside)})' if beside else ''}"
    return replace(found, options={**named, **({"skip": skip} if skip else {})}, said=said)


def _refuse_wrapped(path: Path) -> None:
    """Raise DataError for a file that is one object, whose rows are in a list within it."""
    if path.suffix.lower() != ".json" or path.stat().st_size > BYTES:
        return
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return  # an object a line, or what the source says more of
    lists = {
        name: len(value)
        for name, value in (found.items() if isinstance(found, dict) else ())
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    }
    if lists:
        name = max(lists, key=lambda each: lists[each])
        raise DataError(
            f"{path}: one object, with {counted(lists[name], 'row')} in its list {name!r}; a file of the list alone is "
            f"needed: `jq '.{name}' {path.name} > rows.json`"
        )


def _opened(opened: Opened, kind: str) -> Table | None:
    """Return a file whose format names its columns and types its cells."""
    if opened.titles is None or opened.width < 2:
        return None
    found = opened.rows(range(opened.width))
    rows: list[list[str]] = []
    faults: Counter[str] = Counter()
    for row in islice(found, ROWS):
        if row.cells is None:
            faults[row.fault.partition(":")[0]] += 1
        else:
            rows.append([_text(cell) for cell in row.cells])
    if not rows:
        raise DataError(f"{opened.path}: not one row can be read")
    looked = len(rows) + faults.total()
    count = looked + sum(1 for _ in found)
    doubts = [
        f"{counted(faults.total(), 'row')} cannot be read, most of them {most}; they will be rejected and counted"
        for most, _ in faults.most_common(1)
    ]
    said = {"excel": "a sheet of Excel", "json_lines": "JSON objects", "parquet": "Parquet"}[kind]
    decimal, thousands, unsure = dialect.marks(rows, opened.width)
    doubts += [unsure] if unsure else []
    marks = (decimal, thousands or "")
    return Table(opened.path, kind, {}, said, opened.titles, rows, count, looked < ROWS, 0, *marks, doubts)


def _text(cell: Any) -> str:
    if isinstance(cell, list) and all(isinstance(each, str | int) for each in cell):
        return ",".join(map(str, cell))
    if isinstance(cell, dict):
        return str(cell.get("path") or "")
    try:
        return written(cell)
    except ValueError:
        return ""


def _delimited(path: Path) -> Table | None:
    found = dialect.detect(path)
    if found.width < 2:
        return None
    refuse_wide(path, found.width)
    size = path.stat().st_size
    data = encodings.content(path, "source", most=BYTES)
    if len(data) < size:
        data = data[: data.rfind(b"\n") + 1]
    text, _ = encodings.decoded({str(path): data}, found.encoding, "source.encoding")[str(path)]
    text = "".join(text.splitlines(keepends=True)[found.skip :]) if found.skip else text
    rows = _rows(text, found.delimiter, found.quoting)[found.header :]
    fitting = [row for row in rows if len(row) == found.width]
    if not fitting:
        raise DataError(f"{path}: holds a header and no rows; fetch the file again")
    whole = len(data) == size and len(rows) < ROWS
    count = len(rows) if whole else round(text.count("\n") * size / len(data)) - int(found.header)
    options = {
        **({} if found.delimiter == "," else {"delimiter": found.delimiter}),
        **({} if found.quoting else {"quoting": False}),
        **({} if found.header else {"header": False}),
        **({"skip": found.skip} if found.skip else {}),
        **({} if found.encoding == "utf-8" else {"encoding": found.encoding}),
    }
    quotes = "quoted cells" if found.quoting else "quotes as they are"
    header = "a header" if found.header else "no header"
    title = f", {found.skip} lines above" if found.skip else ""
    said = f"columns apart by {_SIGNS[found.delimiter]}, {header}{title}, {quotes}, {found.encoding}"
    odd = len(rows) - len(fitting)
    titles, marks = found.titles, (found.decimal, found.thousands or "")
    return Table(path, "delimited", options, said, titles, fitting, count, whole, odd, *marks, found.doubts)


def _rows(text: str, delimiter: str, quoting: bool) -> list[list[str]]:
    """Return the rows that hold something; where quotes do not match, what comes of it: the source counts them."""
    lines: Iterable[str] = io.StringIO(text, newline="" if quoting else "\n")
    if not quoting:
        return [line.split(delimiter) for each in islice(lines, ROWS) if (line := each.rstrip("\r\n"))]
    before = csv.field_size_limit(2**31 - 1)
    try:
        return [row for row in islice(csv.reader(lines, delimiter=delimiter), ROWS) if row]
    except csv.Error:
        return [line.split(delimiter) for line in islice(text.splitlines(), ROWS) if line]
    finally:
        csv.field_size_limit(before)
