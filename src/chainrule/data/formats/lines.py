"""CSV and TSV files: which file is which part, their lines, and the cells of these."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

_NO_LIMIT = 2**31 - 1  # what the csv module takes on every system

TITLES = {
    *("label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "polarity", "tag"),
    *("topic", "intent", "rating", "stars", "score", "emotion", "y", "标签", "类别", "label_id", "label_text"),
}
"""How the column of labels is usually called."""


class File(NamedTuple):
    """What messages about a file need: its path, its lines, the block of params.yaml that names it."""

    path: Path
    lines: list[str]
    section: str


class Row(NamedTuple):
    """A row: the line where it begins, its cells (None: quotes do not match), that line, and what is wrong with it."""

    line: int
    cells: list[str] | None
    whole: str
    fault: str


UNCLOSED = "unclosed_quote"
"""The fault of a last row whose quote is opened and never closed."""


class Content(NamedTuple):
    """What a file holds: its rows, the names of its columns if it has a header, and how many columns there are."""

    file: File
    rows: list[Row]
    titles: list[str] | None
    width: int


def content(path: Path, text: str, section: str, delimiter: str, quoting: bool, header: bool) -> Content:
    """Return what the file `path` holds, whose decoded text is `text`; DataError if no row of it can be read."""
    file = File(path, list(_lines(text)), section)
    found = list(rows(text, delimiter, quoting))
    if found[-1].fault == UNCLOSED:
        start = next(row.line for row in found if row.fault == UNCLOSED)
        raise DataError(
            f"{path}:{start}: a quote opened here is never closed; the file is truncated or the quote is stray, fetch "
            f"it again, mend the row, or set {section}.quoting to false"
        )
    titles = _titles(file, found.pop(0), delimiter) if header else None
    if not found:
        raise DataError(f"{path}: holds a header and no rows; fetch the file again")
    return Content(file, found, titles, len(titles) if titles is not None else _usual_width(file, found))


def rows(text: str, delimiter: str, quoting: bool) -> Iterator[Row]:
    """Yield every row of a text, an empty line as one without cells.

    With `quoting` a cell in double quotes may hold delimiters and line ends (RFC 4180). Where quotes do not match,
    every line up to the one that shows it comes without cells.
    """
    lines = _lines(text)
    return _quoted(lines, delimiter) if quoting else _plain(lines, delimiter)


def paths(path: Path, files: Mapping[str, str] | None, section: str) -> dict[str, Path]:
    """Return the file of each part."""
    if path.is_file():
        if files is not None:
            raise DataError(
                f"{path}: a file; leave {section}.files out to read it, or let {section}.path name its directory"
            )
        return {"all": path}
    if not path.is_dir():
        raise DataError(
            f"{path}: no such file or directory; {section}.path must name one file, or the directory of several"
        )
    if files is None:
        there = sorted(file.name for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        raise DataError(
            f"{path}: a directory; say in {section}.files which file is which part ({', '.join(there[:5]) or 'none'} "
            f"there, such as all: {there[0] if there else 'rows.csv'}), or let {section}.path name one file"
        )
    return {part: path / name for part, name in files.items()}


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends: LF or CRLF, or CR (old Macs) where the first line ends so and most others."""
    alone = text.count("\r") - text.count("\r\n") > text.count("\n")
    end = "\r" if alone and "\r" in text.partition("\n")[0].removesuffix("\r") else "\n"
    at = 0
    while to := text.find(end, at) + 1:
        yield text[at:to]
        at = to
    if at < len(text):
        yield text[at:]


def _plain(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        whole = line.rstrip("\r\n")
        yield Row(number, whole.split(delimiter) if whole else [], whole, "")


def _quoted(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    taken: list[str] = []  # the lines that the reader took for the row that it is at

    def feed() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    before = csv.field_size_limit(_NO_LIMIT)  # one for the whole process, and 131,072 by itself
    try:
        reader = csv.reader(feed(), delimiter=delimiter, doublequote=True, strict=True)
        start = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield from _broken(taken, start, str(error))
            else:
                yield Row(start, cells, taken[0].rstrip("\r\n"), "")
            start += len(taken)
            taken.clear()
    finally:
        csv.field_size_limit(before)


def _broken(taken: list[str], start: int, error: str) -> Iterator[Row]:
    """Yield the lines from where a quote opens to where it shows that quotes do not match, without cells."""
    fault = f"broken_quoting: the quotes of lines {start} to {start + len(taken) - 1} do not match"
    if "new-line" in error:
        fault = "broken_quoting: a line break (CR) outside quotes"
    if "end of data" in error:
        fault = UNCLOSED
    yield from (Row(line, None, whole.rstrip("\r\n"), fault) for line, whole in enumerate(taken, start))


def _titles(file: File, row: Row, delimiter: str) -> list[str]:
    """Return the names of the columns, tidy; DataError for a first line that names none."""
    cells = row.cells
    key, first = f"{file.section}.delimiter", file.lines[0].strip("\r\n")
    others = [other for other in (";", "\t", ",", "|") if other in first and delimiter not in first]
    if others:
        raise DataError(f"{file.path}: its header has no {delimiter!r}; is {key} {others[0]!r}? It is: {short(first)}")
    if cells is None:
        raise DataError(f"{file.path}:1: the quotes of the header do not match; mend it")
    if not any(map(str.strip, cells)):
        raise DataError(f"{file.path}:1: empty, where the header should be; remove the line")
    return [tidy(encodings.as_found(cell).decode("utf-8", "backslashreplace")) for cell in cells]


def refuse_wrong_header(content: Content, label_at: int) -> None:
    """Raise DataError if a first line that is taken for a header is a row, or one that is taken for a row a header."""
    file, rows, titles, _ = content
    first = titles if titles is not None else rows[0].cells
    if not first or label_at >= len(first):
        return
    value, key, names = tidy(first[label_at]), f"{file.section}.header", list(map(tidy, first))
    others = (row.cells for row in rows[titles is None :] if row.cells and label_at < len(row.cells))
    again = any(tidy(cells[label_at]) == value and list(map(tidy, cells)) != names for cells in others)
    if titles is not None and again:
        raise DataError(
            f"{file.path}: its first line is taken for a header, yet {short(value)!r} is a label of other rows; "
            f"set {key} to false, and columns to numbers"
        )
    if titles is None and not again and value.casefold() in TITLES:
        raise DataError(f"{file.path}: its first line, with {value!r} as label, looks like a header; set {key} to true")


def _usual_width(file: File, rows: list[Row]) -> int:
    """Find the number of columns that most rows have: all there is to go by without a header."""
    widths = Counter(len(row.cells) for row in rows if row.cells)
    if not widths:
        raise DataError(
            f"{file.path}: not one row can be read; check {file.section}.delimiter and {file.section}.quoting"
        )
    return widths.most_common(1)[0][0]


def short(text: str) -> str:
    """Return what a message shows of a text from a file."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in text[:200])
    return shown if len(text) <= 200 else f"{shown}…"
