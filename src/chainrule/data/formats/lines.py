"""CSV and TSV files: their lines, and the cells of these."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import Header, Row, Table, of_lines, short
from chainrule.system.errors import DataError

UNCLOSED = "unclosed_quote"
"""The fault of lines behind a quote that is never closed."""

_NO_LIMIT = 2**31 - 1  # what the csv module takes on every system


def tables(
    files: Sequence[Path],
    *,
    delimiter: str,
    quoting: bool,
    header: Header,
    skip: int,
    encoding: str | None,
    section: str,
) -> list[Table]:
    """Return the table of each file; `encoding` is that of all, None: they are judged together.

    skip: so many lines above the header, or the first row, are left out.

    Raises DataError as `text.decoded` does, for a header that cannot be read, and, when its rows are read, for a quote
    that is never closed.
    """
    contents = {str(file): encodings.content(file, section) for file in files}
    decoded: Mapping[str, encodings.Text] = encodings.decoded(contents, encoding, f"{section}.encoding")
    contents.clear()
    return [_table(Path(name), *text, delimiter, quoting, header, skip, section) for name, text in decoded.items()]


def _table(
    path: Path, text: str, encoding: str, delimiter: str, quoting: bool, header: Header, skip: int, section: str
) -> Table:
    found = _closed((row for row in rows(text, delimiter, quoting) if row.line > skip), path, section)
    if header is True:
        first = next(found, None)
        if first is None:
            raise DataError(f"{path}: has no line behind the {skip:,} that {section}.skip leaves out")
        others = [other for other in (";", "\t", ",", "|") if other in first.whole and delimiter not in first.whole]
        if others:
            raise DataError(
                f"{path}: its header has no {delimiter!r}; is {section}.delimiter {others[0]!r}? It is: "
                f"{short(first.whole)}"
            )
        found = chain([first], found)
    return of_lines(path, section, found, header, encoding, encodings.problem(text, encoding) is not None)


def _closed(found: Iterator[Row], path: Path, section: str) -> Iterator[Row]:
    for row in found:
        if row.fault == UNCLOSED:
            raise DataError(
                f"{path}:{row.line}: a quote opened here is never closed; the file is truncated or the quote is stray, "
                f"fetch it again, mend the row, or set {section}.quoting to false"
            )
        yield row


def rows(text: str, delimiter: str, quoting: bool) -> Iterator[Row]:
    """Yield every row of a text, an empty line as one without cells.

    With `quoting` a cell in double quotes may hold delimiters and line ends (RFC 4180). Where quotes do not match,
    every line from the opening one to that which shows it comes without cells.
    """
    lines = _lines(text)
    return _quoted(lines, delimiter) if quoting else _plain(lines, delimiter)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends: LF or CRLF, or CR (old Macs) where the first line ends so and most others."""
    alone = text.count("\r") - text.count("\r\n") > text.count("\n")
    end = "\r" if alone and re.match(r"[^\r\n]*\r(?!\n)", text) else "\n"
    at = 0
    while to := text.find(end, at) + 1:
        yield text[at:to]
        at = to
    if at < len(text):
        yield text[at:]


def _plain(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        whole = line.rstrip("\r\n")
        yield Row(number, whole.split(delimiter) if whole else [], whole, "", len(whole))


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
                size = len(taken[0]) if len(taken) == 1 else sum(map(len, taken))
                yield Row(start, cells, taken[0].rstrip("\r\n"), "", size)
            start += len(taken)
            taken.clear()
    finally:
        csv.field_size_limit(before)


def _broken(taken: Sequence[str], start: int, error: str) -> Iterator[Row]:
    """Yield the lines from where a quote opens to where it shows that quotes do not match, without cells."""
    fault = f"broken_quoting: the quotes of lines {start} to {start + len(taken) - 1} do not match"
    if "new-line" in error:
        fault = "broken_quoting: a line break (CR) outside quotes"
    if "end of data" in error:
        fault = UNCLOSED
    for line, found in enumerate(taken, start):
        whole = found.rstrip("\r\n")
        yield Row(line, None, whole, fault if whole else "", len(whole))
