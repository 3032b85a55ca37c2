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

# How the column of labels is usually called.
_TITLES = {"label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "polarity", "tag"}
_TITLES |= {"topic", "intent", "rating", "stars", "score", "emotion", "y", "标签", "类别", "label_id", "label_text"}

Row = tuple[int, list[str] | None, str]  # line, cells (None: the quotes do not match), problem of the quotes


class File(NamedTuple):
    """What messages about a file need: its path, its lines, the block of params.yaml that names it."""

    path: Path
    lines: list[str]
    section: str


class Content(NamedTuple):
    """What a file holds: its rows, the names of its columns if it has a header, and how many columns there are."""

    file: File
    rows: list[Row]
    titles: list[str] | None
    width: int


def content(path: Path, text: str, section: str, delimiter: str, quoting: bool, header: bool) -> Content:
    """Return what the file `path` holds, whose decoded text is `text`; DataError if no row of it can be read."""
    file = File(path, _lines(text), section)
    rows = list(_quoted_rows(file, delimiter) if quoting else _plain_rows(file.lines, delimiter))
    titles = _titles(file, rows.pop(0), delimiter) if header else None
    if not rows:
        raise DataError(f"{path}: holds a header and no rows; fetch the file again")
    return Content(file, rows, titles, len(titles) if titles is not None else _usual_width(file, rows))


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


def _lines(text: str) -> list[str]:
    """Return the lines with their ends: LF or CRLF, or CR (old Macs) where the first line ends so and most others."""
    alone = text.count("\r") - text.count("\r\n") > text.count("\n")
    end = "\r" if alone and "\r" in text.partition("\n")[0].removesuffix("\r") else "\n"
    lines = text.split(end)
    last = lines.pop()
    return [f"{line}{end}" for line in lines] + ([last] if last else [])


def _plain_rows(lines: list[str], delimiter: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        yield number, line.rstrip("\r\n").split(delimiter), ""


def _quoted_rows(file: File, delimiter: str) -> Iterator[Row]:
    """Yield every row; where quotes do not match, every line up to the one that shows it, without cells."""
    at = 0

    def feed() -> Iterator[str]:
        nonlocal at
        while at < len(file.lines):
            at += 1
            yield file.lines[at - 1]

    before = csv.field_size_limit(_NO_LIMIT)  # one for the whole process, and 131,072 by itself
    try:
        reader = csv.reader(feed(), delimiter=delimiter, doublequote=True, strict=True)
        while at < len(file.lines):
            start = at
            try:
                cells = next(reader)
            except csv.Error as error:
                if at == len(file.lines) and "end of data" in str(error):
                    raise DataError(
                        f"{file.path}:{start + 1}: a quote opened here is never closed; the file is truncated "
                        f"or the quote is stray, fetch it again, mend the row, or set {file.section}.quoting to false"
                    ) from error
                fault = f"broken_quoting: the quotes of lines {start + 1} to {at} do not match"
                if "new-line" in str(error):
                    fault = "broken_quoting: a line break (CR) outside quotes"
                yield from ((line, None, fault) for line in range(start + 1, at + 1))
            else:
                yield start + 1, cells, ""
    finally:
        csv.field_size_limit(before)


def _titles(file: File, row: Row, delimiter: str) -> list[str]:
    """Return the names of the columns, tidy; DataError for a first line that names none."""
    _, cells, _ = row
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
    first = titles if titles is not None else rows[0][1]
    if not first or label_at >= len(first):
        return
    value, key, names = tidy(first[label_at]), f"{file.section}.header", list(map(tidy, first))
    others = (cells for _, cells, _ in rows[titles is None :] if cells and label_at < len(cells))
    again = any(tidy(cells[label_at]) == value and list(map(tidy, cells)) != names for cells in others)
    if titles is not None and again:
        raise DataError(
            f"{file.path}: its first line is taken for a header, yet {short(value)!r} is a label of other rows; "
            f"set {key} to false, and columns to numbers"
        )
    if titles is None and not again and value.casefold() in _TITLES:
        raise DataError(f"{file.path}: its first line, with {value!r} as label, looks like a header; set {key} to true")


def _usual_width(file: File, rows: list[Row]) -> int:
    """Find the number of columns that most rows have: all there is to go by without a header."""
    widths = Counter(len(cells) for _, cells, _ in rows if cells)
    if not widths:
        raise DataError(
            f"{file.path}: not one row can be read; check {file.section}.delimiter and {file.section}.quoting"
        )
    return widths.most_common(1)[0][0]


def short(text: str) -> str:
    """Return what a message shows of a text from a file."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in text[:200])
    return shown if len(text) <= 200 else f"{shown}…"
