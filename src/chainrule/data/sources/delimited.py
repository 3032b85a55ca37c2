"""CSV and TSV files, one per part of the split or one for all."""

import csv
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.fields.names import plain_number, tidy
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MAX_CELL = 1_000_000
_NO_LIMIT = 2**31 - 1  # what the csv module takes on every system

# How the column of labels is usually called.
_TITLES = {"label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "polarity", "tag"}
_TITLES |= {"topic", "intent", "rating", "stars", "score", "emotion", "y", "标签", "类别", "label_id", "label_text"}

Row = tuple[int, list[str] | None, str]  # line, cells (None: the quotes do not match), problem of the quotes


class _File(NamedTuple):
    """What messages about a file need: its path, its lines, the block of params.yaml that names it."""

    path: Path
    lines: list[str]
    section: str


def read(
    path: Path,
    *,
    files: dict[str, str] | None = None,
    delimiter: str,
    quoting: bool,
    header: bool,
    text: str | int,
    label: str | int,
    labels: dict[str, str] | None,
    group: str | int | None,
    encoding: str | None = None,
    max_cell: int = MAX_CELL,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of their lines.

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a file name;
    None: `path` is a file, and it is all. `delimiter` is one ASCII character; with `quoting` a cell in double quotes
    may hold delimiters and line ends (RFC 4180), without it a quote is a character like any other. `text`, `label`
    and `group` are column names (with `header`) or numbers from 0; rows of "unlabelled" need no label column.
    `labels` maps values in the file to label names (None: the values are the names); "1.0" is found under "1".
    `encoding` is that of all files; None: it is found (`chainrule.data.formats.text`), and attrs["encodings"] counts
    files by it. `text` holds the cell in UTF-8; `id` is "<part>/<line>", where the row begins, counted from 1;
    without a `group` column every row is its own group.

    `problem` marks rows that cannot be read as the others, with what was met behind a colon: "wrong_column_count",
    "broken_quoting" and "repeated_header" (text is then the whole line), "cell_too_long" (over `max_cell` characters),
    "undecodable_text", "undecodable_label" (bytes that the file's encoding does not have) and "unknown_label".
    Where quotes do not match, every line from the opening quote to the one that shows it is "broken_quoting": which
    of them are rows cannot be told. An empty line is a row with empty text; an empty label is None.

    section: the block of params.yaml that messages name. Raises DataError for a missing or empty file, one that is
    not a text file, a column that is not there or there twice, a quote that is never closed, and an encoding in doubt.
    """
    import pandas as pd

    paths = _paths(Path(path), files, section)
    contents = {str(file): encodings.content(file, section) for file in paths.values()}
    decoded = encodings.decoded(contents, encoding, f"{section}.encoding")
    named = None if labels is None else _named(labels)
    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "group", "text", "label", "part", "origin", "problem")
    }
    for part, place in paths.items():
        content, used = decoded[str(place)]
        file = _File(place, _lines(content), section)
        rows = list(_quoted_rows(file, delimiter) if quoting else _plain_rows(file.lines, delimiter))
        titles = _titles(file, rows.pop(0), delimiter) if header else None
        if not rows:
            raise DataError(f"{place}: holds a header and no rows; fetch the file again")
        width = len(titles) if titles is not None else _usual_width(file, rows)
        damaged = encodings.problem(content, used) is not None
        text_at = _column(file, "text", text, titles, width)
        label_at = None if part == "unlabelled" else _column(file, "label", label, titles, width)
        group_at = None if group is None else _column(file, "group", group, titles, width)
        if label_at is not None:
            _refuse_wrong_header(file, titles, rows, label_at)
        for line, cells, fault in rows:
            row = f"{part}/{line:06d}"
            value: str | None = None
            problem: str | None = None
            body, member = file.lines[line - 1].rstrip("\r\n"), row
            if not body:
                pass
            elif cells is None:
                problem = fault
            elif len(cells) != width:
                problem = "wrong_column_count"
            elif titles and cells[text_at].strip() == titles[text_at] and list(map(tidy, cells)) == titles:
                problem = "repeated_header"
            else:
                body = cells[text_at]
                if label_at is not None:
                    value, problem = _label(cells[label_at], named, used)
                if damaged:
                    problem = encodings.problem(body, used) or problem
                problem = _too_long(cells, max_cell, section) or problem
                if group_at is not None and cells[group_at]:
                    member = encodings.as_found(cells[group_at]).decode("utf-8", "backslashreplace")
            columns["id"].append(row)
            columns["group"].append(member)
            columns["text"].append(encodings.as_found(body))
            columns["label"].append(value)
            columns["part"].append(None if part == "all" else part)
            columns["origin"].append(f"{place.name if files is None else files[part]}:{line}")
            columns["problem"].append(problem)
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == "text" else "str") for name, values in columns.items()}
    )
    frame.attrs = {"encodings": dict(Counter(used for _, used in decoded.values()))}
    return frame


# ---- files and lines


def _paths(path: Path, files: Mapping[str, str] | None, section: str) -> dict[str, Path]:
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


def _quoted_rows(file: _File, delimiter: str) -> Iterator[Row]:
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


# ---- columns


def _titles(file: _File, row: Row, delimiter: str) -> list[str]:
    """Return the names of the columns, tidy; DataError for a first line that names none."""
    _, cells, _ = row
    key, first = f"{file.section}.delimiter", file.lines[0].strip("\r\n")
    others = [other for other in (";", "\t", ",", "|") if other in first and delimiter not in first]
    if others:
        raise DataError(f"{file.path}: its header has no {delimiter!r}; is {key} {others[0]!r}? It is: {_short(first)}")
    if cells is None:
        raise DataError(f"{file.path}:1: the quotes of the header do not match; mend it")
    if not any(map(str.strip, cells)):
        raise DataError(f"{file.path}:1: empty, where the header should be; remove the line")
    return [tidy(encodings.as_found(cell).decode("utf-8", "backslashreplace")) for cell in cells]


def _refuse_wrong_header(file: _File, titles: list[str] | None, rows: list[Row], label_at: int) -> None:
    """Raise DataError if a first line that is taken for a header is a row, or one that is taken for a row a header."""
    first = titles if titles is not None else rows[0][1]
    if not first or label_at >= len(first):
        return
    value, key, names = tidy(first[label_at]), f"{file.section}.header", list(map(tidy, first))
    others = (cells for _, cells, _ in rows[titles is None :] if cells and label_at < len(cells))
    again = any(tidy(cells[label_at]) == value and list(map(tidy, cells)) != names for cells in others)
    if titles is not None and again:
        raise DataError(
            f"{file.path}: its first line is taken for a header, yet {_short(value)!r} is a label of other rows; "
            f"set {key} to false, and columns to numbers"
        )
    if titles is None and not again and value.casefold() in _TITLES:
        raise DataError(f"{file.path}: its first line, with {value!r} as label, looks like a header; set {key} to true")


def _usual_width(file: _File, rows: list[Row]) -> int:
    """Find the number of columns that most rows have: all there is to go by without a header."""
    widths = Counter(len(cells) for _, cells, _ in rows if cells)
    if not widths:
        raise DataError(
            f"{file.path}: not one row can be read; check {file.section}.delimiter and {file.section}.quoting"
        )
    return widths.most_common(1)[0][0]


def _column(file: _File, option: str, column: str | int, titles: list[str] | None, width: int) -> int:
    """Position of a column given by name or number."""
    key = f"{file.section}.{option}"
    if isinstance(column, str):
        name, names = tidy(column), titles or []
        if name not in names:
            close = difflib.get_close_matches(name.lower(), [title.lower() for title in names], n=1)
            meant = next((title for title in names if title.lower() in close), None)
            there = (
                f"its header names {_short(', '.join(names))}" if names else "without a header give its number, from 0"
            )
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise DataError(f"{file.path}: has no column {column!r} for {key}; {there}{hint}")
        if names.count(name) > 1:
            places = ", ".join(str(at) for at, title in enumerate(names) if title == name)
            raise DataError(
                f"{file.path}: its header names {column!r}, which {key} asks for, {names.count(name)} times (columns "
                f"{places}, counted from 0); rename one in the file, or give the number"
            )
        return names.index(name)
    if column >= width:
        raise DataError(
            f"{file.path}: has {width} columns, {key} asks for number {column}, counted from 0; "
            f"check {file.section}.delimiter and the number"
        )
    return column


def _short(text: str) -> str:
    """Return what a message shows of a text from a file."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in text[:200])
    return shown if len(text) <= 200 else f"{shown}…"


# ---- cells


def _too_long(cells: list[str], most: int, section: str) -> str | None:
    longest = max(map(len, cells))
    return f"cell_too_long: {longest:,} characters, {section}.max_cell is {most:,}" if longest > most else None


def _named(labels: Mapping[str, str]) -> dict[str, str]:
    """Return label names by the value in the file; a number is found in any form, its own first."""
    exact = {tidy(value): name for value, name in labels.items()}
    return {plain_number(value): name for value, name in exact.items()} | exact


def _label(cell: str, named: Mapping[str, str] | None, encoding: str) -> tuple[str | None, str | None]:
    """(label, problem) of a cell of the label column."""
    if encodings.problem(cell, encoding):
        return None, f"undecodable_label: {encodings.as_found(cell)!r} is not {encoding}"
    value = tidy(cell)
    if not value:
        return None, None
    if named is None:
        return cell.strip(), None
    name = named.get(value, named.get(plain_number(value)))
    return name, None if name is not None else f"unknown_label: {_short(value)!r}"
