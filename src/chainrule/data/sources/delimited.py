"""CSV and TSV files, one per part of the split or one for all."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Bytes travel through the csv module as Latin-1 characters, one for one, and so come out as found.
BYTES = "latin-1"


def read(
    path: Path,
    *,
    files: dict[str, str],
    delimiter: str,
    quoting: bool,
    header: bool,
    text: str | int,
    label: str | int,
    labels: dict[str, str] | None,
    group: str | int | None,
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of their lines.

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a
    file name. `delimiter` is one ASCII character; with `quoting` a cell in double quotes may hold delimiters
    and line ends (RFC 4180), without it a quote is a character like any other. `text`, `label` and `group`
    are column names (with `header`) or numbers from 0; rows of "unlabelled" need no label column. `labels`
    maps values in the file to label names (None: the values are the names). `text` holds the bytes of the
    cell as found; `id` is "<part>/<line>", where the row begins, counted from 1; without a `group` column
    every row is its own group.

    `problem` marks rows that cannot be read as the others: "wrong_column_count" and "broken_quoting" (text
    is then the whole line), "unknown_label" and "undecodable_label". An empty line is a row with empty text;
    an empty label is None. Raises DataError for a missing or empty file, a column that is not there, and a
    quote that is never closed.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such directory; source.path must name the directory of the files")
    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "group", "text", "label", "part", "origin", "problem")
    }
    for part, name in files.items():
        file = path / name
        lines = _lines(file)
        rows = list(_quoted_rows(file, lines, delimiter) if quoting else _plain_rows(lines, delimiter))
        titles = rows.pop(0)[1] if header else None
        if not rows:
            raise DataError(f"{file}: holds a header and no rows; fetch the file again")
        width = len(titles) if titles is not None else _usual_width(file, rows)
        text_at = _column(file, "text", text, titles, width)
        label_at = None if part == "unlabelled" else _column(file, "label", label, titles, width)
        group_at = None if group is None else _column(file, "group", group, titles, width)
        for line, cells in rows:
            row = f"{part}/{line:06d}"
            value: str | None = None
            problem: str | None = None
            body, member = lines[line - 1].rstrip("\r\n"), row
            if not body:
                pass
            elif cells is None:
                problem = "broken_quoting"
            elif len(cells) != width:
                problem = "wrong_column_count"
            else:
                body = cells[text_at]
                if label_at is not None:
                    value, problem = _label(cells[label_at], labels)
                if group_at is not None and cells[group_at]:
                    member = cells[group_at].encode(BYTES).decode("utf-8", "backslashreplace")
            columns["id"].append(row)
            columns["group"].append(member)
            columns["text"].append(body.encode(BYTES))
            columns["label"].append(value)
            columns["part"].append(None if part == "all" else part)
            columns["origin"].append(f"{name}:{line}")
            columns["problem"].append(problem)
    return pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == "text" else "str") for name, values in columns.items()}
    )


def _lines(file: Path) -> list[str]:
    """Return the lines of the file with their ends, every byte as the Latin-1 character of its number."""
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{file}: missing; put it there or correct source.files") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); source.files must name readable files") from error
    if not data.strip():
        raise DataError(f"{file}: empty; fetch the file again or take it out of source.files")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{file}: UTF-16, where columns cannot be told apart as bytes; save the file as UTF-8")
    if data.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise DataError(f"{file}: a compressed archive, not a delimited file; unpack it")
    lines = data.removeprefix(b"\xef\xbb\xbf").decode(BYTES).split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _plain_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    for number, line in enumerate(lines, start=1):
        yield number, line.rstrip("\r\n").split(delimiter)


def _quoted_rows(file: Path, lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """(line number, cells) of every row; the cells are None where the quotes of the line do not match.

    A stray quote swallows the lines up to the next one: only its own line is given up, and reading goes on
    after it.
    """
    at = 0

    def feed() -> Iterator[str]:
        nonlocal at
        while at < len(lines):
            at += 1
            yield lines[at - 1]

    reader = csv.reader(feed(), delimiter=delimiter, doublequote=True, strict=True)
    while at < len(lines):
        start = at
        try:
            cells = next(reader)
        except csv.Error as error:
            if at == len(lines) and "end of data" in str(error):
                raise DataError(
                    f"{file}:{start + 1}: a quote opened here is never closed; the file is truncated "
                    "or the quote is stray, fetch it again, mend the row, or set source.quoting to false"
                ) from error
            at = start + 1
            yield start + 1, None
        else:
            yield start + 1, cells


def _usual_width(file: Path, rows: list[tuple[int, list[str] | None]]) -> int:
    """Find the number of columns that most rows have: all there is to go by without a header."""
    from collections import Counter

    widths = Counter(len(cells) for _, cells in rows if cells)
    if not widths:
        raise DataError(f"{file}: not one row can be read; check source.delimiter and source.quoting")
    return widths.most_common(1)[0][0]


def _column(file: Path, option: str, column: str | int, titles: list[str] | None, width: int) -> int:
    """Position of a column given by name or number."""
    if isinstance(column, str):
        names = [title.strip().encode(BYTES).decode("utf-8", "backslashreplace") for title in titles or []]
        if column not in names:
            raise DataError(
                f"{file}: has no column {column!r} for source.{option}; "
                + (f"its header names {', '.join(names)}" if titles else "without a header give its number, from 0")
            )
        return names.index(column)
    if column >= width:
        raise DataError(
            f"{file}: has {width} columns, source.{option} asks for number {column}, counted from 0; "
            "check source.delimiter and the number"
        )
    return column


def _label(cell: str, labels: dict[str, str] | None) -> tuple[str | None, str | None]:
    """(label, problem) of a cell of the label column."""
    try:
        value = cell.encode(BYTES).decode("utf-8").strip()
    except UnicodeDecodeError:
        return None, "undecodable_label"
    if not value:
        return None, None
    if labels is None:
        return value, None
    return labels.get(value), None if value in labels else "unknown_label"
