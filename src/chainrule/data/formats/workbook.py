"""Workbooks of Excel (.xlsx, .xlsm), read as streams: sheets, formulas, merged cells."""

import html
import re
import sys
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.data.formats.tables import Header, Row, Table, refuse_wide
from chainrule.data.formats.typed import ErrorValue, written
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

MOST_BYTES = 4 << 30
"""Of all that a workbook unpacks to; a sheet of 1,048,576 rows and 30 columns has about half."""
MOST_TEXTS = 512 << 20
"""Of the texts of all sheets, which are held in memory."""
MOST_RATIO, SMALL = 300, 64 << 20
"""Bytes unpacked for each byte packed, beyond the first SMALL."""

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s[^>]*>")
_ATTRIBUTE = re.compile(r'([\w:]+)\s*=\s*"([^"]*)"')
_BROKEN = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, EOFError, SyntaxError, TypeError, IndexError)


class Area(NamedTuple):
    """Merged cells: the first row and the last."""

    first: int
    last: int
    named: str


def tables(files: Sequence[Path], *, sheet: str | None, header: Header, skip: int, section: str) -> list[Table]:
    """Return the table of one sheet of each workbook; None: of the only one that is shown and holds anything.

    skip: so many rows above the header, or the first row, are left out. A formula counts as the value that Excel kept
    of it, a cell with an error as an `ErrorValue`; noted are errors, formulas that have no value, rows that hold
    nothing, merged cells, and sheets that are hidden. Raises DataError for
    a file that is missing, no workbook, locked or unpacks to more than it may, a sheet that is not there or in doubt,
    and a header with merged cells.
    """
    return [_table(path, sheet, header, skip, section) for path in files]


def sheets(path: Path, most: int, section: str) -> dict[str, list[Row]]:
    """Return, of each sheet that is shown, the first rows that hold anything, without the empty cells at their ends.

    Raises DataError as `tables` does.
    """
    import openpyxl

    try:
        _refuse_unsafe(path, section)
        book = openpyxl.load_workbook(path.open("rb"), read_only=True, data_only=True)
        found = {}
        for each in book.worksheets:
            each.reset_dimensions()
            if each.sheet_state == "visible":
                found[each.title] = list(islice(_rows(path, each, repeat(None), Counter()), most))
        return found
    except _BROKEN as error:
        raise _unreadable(path, error) from None


def _table(path: Path, sheet: str | None, header: Header, skip: int, section: str) -> Table:
    try:
        _refuse_unsafe(path, section)
        return _opened(path, sheet, header, skip, section)
    except _BROKEN as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: BaseException) -> DataError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"{path}: no workbook that can be read ({said}); save it again as .xlsx")


def _refuse_unsafe(path: Path, section: str) -> None:
    """Raise DataError for what is no .xlsx file, and for one that would fill the memory or the disk."""
    if not path.is_file():
        raise DataError(f"{path}: missing; put it there or correct {section}.files")
    with path.open("rb") as file:
        begin = file.read(8)
    if begin.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"{path}: a workbook of old Excel (.xls), or locked by a password; save it as .xlsx without one"
        )
    if not begin.startswith(b"PK"):
        raise DataError(f"{path}: no workbook of Excel; is it a text file? set {section}.kind to delimited")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    total, packed = sum(info.file_size for info in infos), path.stat().st_size
    texts = sum(info.file_size for info in infos if info.filename.lower().endswith("sharedstrings.xml"))
    if total > MOST_BYTES or texts > MOST_TEXTS or (total > SMALL and total > MOST_RATIO * packed):
        raise DataError(
            f"{path}: {packed:,} bytes that unpack to {total:,} ({texts:,} of texts), more than a workbook of this "
            "size has; save the sheet as CSV"
        )


def _opened(path: Path, sheet: str | None, header: Header, skip: int, section: str) -> Table:
    import openpyxl

    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")  # of styles, which are not read
    book = openpyxl.load_workbook(path.open("rb"), read_only=True, data_only=True)
    noted: Counter[str] = Counter()
    chosen = _sheet(path, book, sheet, noted, section)
    name = chosen.title
    areas, formulas = _scanned(path, name)
    second: Any = repeat(None)
    if formulas:
        second = openpyxl.load_workbook(path.open("rb"), read_only=True)[name]
        second.reset_dimensions()
    rows: Iterator[Row] = (row for row in _rows(path, chosen, second, noted) if row.line > skip)
    first = next(rows, None)
    if first is None or first.cells is None:
        raise DataError(f"{path}: sheet {name!r} is empty; name another in {section}.sheet")
    titles = list(map(tidy, header)) if not isinstance(header, bool) else None
    if header is True:
        _refuse_merged(path, name, areas, first.line, section)
        titles = [tidy(_title(cell)) for cell in first.cells]
    else:
        rows = chain([first], rows)
    ahead = list(islice(rows, 1000))
    if not ahead:
        raise DataError(f"{path}: sheet {name!r} holds a header and no rows; save it again")
    width = max(len(row.cells or ()) for row in ahead)
    if titles is not None:
        width = max(width, len(titles))
        titles += [""] * (width - len(titles))
    refuse_wide(path, width)
    below = sum(area.last > first.line for area in areas)
    noted.update({"merged_areas": below} if below else {})
    every = _padded(chain(ahead, rows), width)
    return Table(path, section, titles, width, lambda _: every, header is True, True, None, False, noted)


def _title(cell: Any) -> str:
    return "" if cell is None else written(cell)


def _sheet(path: Path, book: Any, sheet: str | None, noted: Counter[str], section: str) -> Any:
    """Return a sheet by its name, or the only one that is shown and holds anything."""
    for each in book.worksheets:
        each.reset_dimensions()  # what writers say of them is often wrong
    if sheet is not None:
        found = [each for each in book.worksheets if each.title == sheet]
        if not found:
            there = ", ".join(repr(each.title) for each in book.worksheets)
            raise DataError(f"{path}: has no sheet {sheet!r}; correct {section}.sheet: it has {there}")
        return found[0]
    shown = [each for each in book.worksheets if each.sheet_state == "visible"]
    if hidden := len(book.worksheets) - len(shown):
        noted["hidden_sheets"] += hidden
    held = shown if len(shown) == 1 else [each for each in shown if _holds_anything(each)]
    if len(held) != 1:
        there = ", ".join(repr(each.title) for each in held or book.worksheets)
        raise DataError(f"{path}: which sheet? set {section}.sheet to one of {there}")
    return held[0]


def _holds_anything(sheet: Any) -> bool:
    return any(cell is not None for row in sheet.iter_rows(values_only=True) for cell in row)


def _rows(path: Path, sheet: Any, second: Any, noted: Counter[str]) -> Iterator[Row]:
    """Yield the rows that hold anything; `second`: the same sheet with formulas in place of their values."""
    formulas = second if isinstance(second, repeat) else second.iter_rows()
    blank = begun = 0
    try:
        for line, (row, same) in enumerate(zip(sheet.iter_rows(), formulas, strict=False), start=1):
            cells = [cell.value for cell in row]
            for at, cell in enumerate(row):
                if cell.data_type == "e":
                    cells[at] = ErrorValue(cell.value)
                    noted["error_cells"] += 1
            if same is not None:
                lost = sum(made is None and cell.data_type == "f" for made, cell in zip(cells, same, strict=False))
                noted.update({"formulas_without_value": lost} if lost else {})
            while cells and cells[-1] is None:
                cells.pop()
            if not cells:
                blank += 1
                continue
            if begun and blank:
                noted["blank_rows"] += blank
            blank, begun = 0, 1
            yield Row(line, cells, "", "", sys.maxsize)
    except _BROKEN as error:
        raise DataError(f"{path}: cannot be read on ({error}); save it again as .xlsx") from None


def _padded(rows: Iterator[Row], width: int) -> Iterator[Row]:
    """Yield rows of the same width; one that is wider is at fault."""
    for row in rows:
        cells = list(row.cells or ())
        if len(cells) > width:
            whole = "\t".join("" if cell is None else written(cell) for cell in cells)
            yield row._replace(cells=None, whole=whole, fault="wrong_column_count")
        else:
            yield row._replace(cells=cells + [None] * (width - len(cells)))


# ---- what a stream of rows does not say


def _scanned(path: Path, sheet: str) -> tuple[list[Area], bool]:
    """Return the merged cells of a sheet, and whether there are formulas in it."""
    areas: list[Area] = []
    formulas = False
    with zipfile.ZipFile(path) as archive:
        member = _member(archive, sheet)
        if member is None:
            return [], True
        rest = b""
        with archive.open(member) as stream:
            while chunk := stream.read(1 << 20):
                text = rest + chunk
                formulas = formulas or _FORMULA.search(text) is not None
                end = 0
                for found in _MERGED.finditer(text):
                    left, first, right, last = (part.decode() for part in found.groups())
                    areas.append(Area(int(first), int(last), f"{left}{first}:{right}{last}"))
                    end = found.end()
                rest = text[max(end, len(text) - 256) :]
    return areas, formulas


def _member(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the name in the archive of a sheet's file; None where the workbook does not say it as others do."""
    try:
        book = archive.read("xl/workbook.xml").decode("utf-8")
        relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return None
    sheets = [dict(_ATTRIBUTE.findall(found)) for found in _SHEET.findall(book)]
    key = next((own.get("r:id") for own in sheets if html.unescape(own.get("name", "")) == sheet), None)
    targets = [dict(_ATTRIBUTE.findall(found)) for found in _RELATION.findall(relations)]
    target = next((own.get("Target", "") for own in targets if own.get("Id") == key), "")
    member = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return member if member in archive.namelist() else None


def _refuse_merged(path: Path, sheet: str, areas: Sequence[Area], line: int, section: str) -> None:
    merged = [area.named for area in areas if area.first <= line <= area.last]
    if merged:
        raise DataError(
            f"{path}: cells of the header of sheet {sheet!r} are merged ({', '.join(merged[:5])}); name every column "
            f"in a cell of its own, or give the names in {section}.header"
        )
