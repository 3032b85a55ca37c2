"""Files of rows that are to be answered, read one at a time: CSV, TSV, JSON Lines, a folder of files.

Nothing is held but the row in hand, and a row is bounded: a file of any size takes the memory of a small one.
"""

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from chainrule.data.formats import text as encodings
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError, TooLargeError

MOST_LINE = 16 * 1024 * 1024
"""The most characters of a line, and of a cell."""
MOST_COLUMNS = 10_000
FILE = "file"
"""The column of a folder's rows: the path of each file below it."""
LINE = "line"
"""The name of what stands in a line that is no JSON object."""
ENDINGS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".jsonl": "", ".ndjson": ""}
"""What a file is, by the end of its name: the delimiter of its cells, "" for JSON Lines."""
_DELIMITERS = (",", ";", "\t", "|")


class Record(NamedTuple):
    """One row of a file."""

    line: int
    cells: list[str] | dict[str, Any]
    """Of CSV as many texts as there are columns; of JSON Lines the object."""
    problem: str
    """Why it is no row as the others, or ""."""
    read: int
    """Bytes, or files of a folder, read so far."""


class Records(NamedTuple):
    """The rows of a file, to be read once."""

    columns: list[str]
    """Those of a header; of JSON Lines the names in the first line."""
    rows: Iterator[Record]
    size: int
    """Bytes of the file, or files of the folder."""
    unit: str
    delimiter: str
    """What parts cells; "" for JSON Lines."""


def read(path: Path, wanted: Sequence[str], delimiter: str | None, encoding: str | None) -> Records:
    """Return the rows of a file, or of every file of a folder.

    wanted: the columns that are asked for, by which a CSV's delimiter is told where none is given. Raises DataError for
    what is no such file, and while rows are read for what leaves no way to go on.
    """
    if path.is_dir():
        return _folder(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(f"{path}: rows are read from {', '.join(ENDINGS)}, or a folder of files; export it as CSV")
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed when its rows have been read
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    size = path.stat().st_size
    if not ENDINGS[ending]:
        return Records(*_json_lines(path, file), size, "bytes", "")
    return _cells(path, file, wanted, delimiter or (ENDINGS[ending] if ending == ".tsv" else None), encoding, size)


def places(columns: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Return where each wanted column stands. Raises DataError that names all that are missing, or named twice."""
    names = [tidy(column) for column in columns]
    missing = [name for name in wanted if tidy(name) not in names]
    if missing:
        near = difflib.get_close_matches(missing[0].lower(), [name.lower() for name in names], 1)
        found = next((name for name in names if [name.lower()] == near), None)
        meant = "" if found is None else f"; is it {found!r}? --column {missing[0]}={found} says so"
        raise DataError(
            f"{path}: has no column {', '.join(map(repr, missing[:10]))}{' and more' if len(missing) > 10 else ''}, "
            f"which the model takes{meant}"
        )
    twice = next((name for name in wanted if names.count(tidy(name)) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are called {twice!r}, and the model takes one; rename the other")
    return [names.index(tidy(name)) for name in wanted]


def content(path: Path, most: int) -> bytes:
    """Return the bytes of a file that a row names. Raises DataError, TooLargeError for more than `most` of them."""
    try:
        if path.stat().st_size > most:
            raise TooLargeError(f"{path}: more than {most:,} bytes")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]}: cannot be read ({getattr(error, 'strerror', error)})") from None


# ---- folders


def _folder(path: Path) -> Records:
    files = sorted(each for each in path.rglob("*") if each.is_file() and not _hidden(each.relative_to(path)))
    if not files:
        raise DataError(f"{path}: no files in it")
    rows = (Record(number, [str(file.relative_to(path))], "", number) for number, file in enumerate(files, 1))
    return Records([FILE], rows, len(files), "files", ",")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


# ---- JSON Lines


def _json_lines(path: Path, file: BinaryIO) -> tuple[list[str], Iterator[Record]]:
    """Return the names in the first line, and every row."""
    lines = _lines(path, file)
    first = next(lines, None)
    found = None if first is None else _object(first[1])
    if first is None or not isinstance(found, dict):
        raise DataError(f"{path}:1: no JSON object; JSON Lines has one in each line")

    def rows() -> Iterator[Record]:
        with file:
            yield Record(first[0], found, "", first[2])
            for number, line, read in lines:
                if line.strip():
                    yield _of_line(number, line, read)

    return list(found), rows()


def _of_line(number: int, line: bytes, read: int) -> Record:
    found = _object(line)
    if isinstance(found, dict):
        return Record(number, found, "", read)
    return Record(number, {LINE: line.decode("utf-8", "replace").strip()}, found or "no JSON object", read)


def _object(line: bytes) -> Any:
    """Return what a line of JSON holds; in words why it is none."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"no JSON: {error}"
    return found if isinstance(found, dict) else None


def _lines(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Yield number, content and end of each line."""
    number, read = 0, 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        read += len(line)
        if len(line) > MOST_LINE:
            raise DataError(f"{path}:{number}: a line of more than {MOST_LINE:,} bytes; is it a file of rows?")
        yield number, line, read


# ---- CSV and TSV


def _cells(
    path: Path, file: BinaryIO, wanted: Sequence[str], delimiter: str | None, encoding: str | None, size: int
) -> Records:
    head = file.peek(64)[:64] if hasattr(file, "peek") else b""
    kind = next((name for begin, name in encodings.KINDS if head.startswith(begin) and not begin.isalpha()), None)
    if kind is not None:
        raise DataError(f"{path}: {kind}, not a text file; export it as CSV")
    marked = next((name for mark, name in encodings.MARKS if head.startswith(mark)), None)
    read_as = {"utf-8": "utf-8-sig"}.get(marked or "", marked) or encoding or "utf-8"
    text = _Text(path, file, read_as)
    header = next(text, "")
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=lambda mark: _known(header, mark, wanted))
    try:
        titles = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{path}:1: the names of the columns cannot be read ({error}); mend the header") from None
    if not any(map(str.strip, titles)):
        raise DataError(f"{path}:1: empty, where the names of the columns should be")
    if len(titles) > MOST_COLUMNS:
        raise DataError(f"{path}: {len(titles):,} columns; at most {MOST_COLUMNS:,} are read")
    return Records(titles, _csv(text, delimiter, len(titles)), size, "bytes", delimiter)


def _known(header: str, delimiter: str, wanted: Sequence[str]) -> int:
    """Return how many of the wanted columns a header names with this delimiter."""
    try:
        titles = {tidy(title) for title in next(csv.reader([header], delimiter=delimiter)) if "\t" not in title}
    except csv.Error:
        return 0
    return len(titles & set(map(tidy, wanted)))


class _Text:
    """The lines of a text file, each bounded, and those that were taken since one last looked."""

    def __init__(self, path: Path, file: BinaryIO, encoding: str) -> None:
        try:
            self._file = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
        except LookupError:
            raise DataError(f"--encoding {encoding}: Python knows no such encoding") from None
        self._path, self._raw = path, file
        self.line, self.taken = 0, ""

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        line = self._next()
        if not line:
            self._file.close()
            raise StopIteration
        self.line += 1
        self.taken += line
        if len(self.taken) > MOST_LINE:
            raise DataError(
                f"{self._path}: a row of more than {MOST_LINE:,} characters ends at line {self.line:,}; a quote that "
                "opens it is likely stray: mend the row"
            )
        return line

    def read(self) -> int:
        """Return the bytes that were read so far, to the next block."""
        return self._raw.tell() if not self._raw.closed else 0

    def _next(self) -> str:
        try:
            line = self._file.readline(MOST_LINE + 1)
        except UnicodeError as error:
            said = f"not {self._file.encoding} ({error}); --encoding names another"
            raise DataError(f"{self._path}:{self.line + 1}: {said}") from None
        if len(line) > MOST_LINE:
            raise DataError(
                f"{self._path}:{self.line + 1}: a line of more than {MOST_LINE:,} characters; is it a file of rows?"
            )
        return line


def _csv(text: _Text, delimiter: str, width: int) -> Iterator[Record]:
    """Yield every row; of what quotes do not match in, the lines as they are, as one cell."""
    before = csv.field_size_limit(2 * MOST_LINE)  # a row ends before; one for the whole process, and 131,072 by itself
    try:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            text.taken, start = "", text.line + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"its quotes do not match ({error})"
                yield _row(start, [text.taken.rstrip("\r\n")], width, problem, text.read())
            else:
                if cells:
                    yield _row(start, cells, width, _undecodable(cells), text.read())
    finally:
        csv.field_size_limit(before)


def _undecodable(cells: Sequence[str]) -> str:
    bad = next((cell for cell in cells if not cell.isascii() and encodings.problem(cell, "")), None)
    return "" if bad is None else f"{encodings.as_found(bad)[:60]!r} is not in the file's encoding; --encoding names it"


def _row(line: int, cells: list[str], width: int, problem: str, read: int) -> Record:
    """Return a row with as many cells as there are columns."""
    if len(cells) != width:
        problem = problem or f"{len(cells):,} cells, where the header has {width:,}"
        if len(cells) > width:
            problem += f"; beyond it: {', '.join(map(repr, cells[width:]))[:100]}"
        cells = [*cells[:width], *[""] * (width - len(cells))]
    return Record(line, cells, problem, read)
