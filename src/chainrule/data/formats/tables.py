"""A table as every format opens it: the names of its columns and its rows of cells; which file is which part."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

MOST_COLUMNS = 10_000

TITLES = {
    *("label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "polarity", "tag"),
    *("topic", "intent", "rating", "stars", "score", "emotion", "y", "标签", "类别", "label_id", "label_text"),
}
"""How the column of labels is usually called."""
SIDES = {
    *("source", "src", "translation", "tgt", "trg", "en", "de", "fr", "es", "pt", "nl", "ru", "uk", "pl", "cs", "sv"),
    *("fi", "tr", "ar", "fa", "hi", "zh", "ja", "ko", "vi", "th", "ro", "hu", "el", "bg", "eng", "deu", "fra", "spa"),
    *("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "russian", "polish", "czech"),
    *("chinese", "japanese", "korean", "turkish", "arabic", "hindi", "中文", "英文"),
}
"""How the columns of a text and of its translation are usually called."""

Column = str | int


class Row(NamedTuple):
    """A row of a table.

    line: where it begins in its file, from 1. cells: None where they cannot be told apart. whole: the row, or its first
    line, as it is written; of typed cells "" unless the row is at fault. fault: what is wrong with it, as a problem of
    a source, or "". size: no cell has more characters.
    """

    line: int
    cells: Sequence[Any] | None
    whole: str
    fault: str
    size: int


class Table(NamedTuple):
    """A table of a file.

    rows: gives its rows, once, of which the cells at the places that it is called with are read (others may be None).
    header: whether its first row names the columns, or None where the format names them. typed: whether cells may be
    others than texts. encoding: of a text file, else None; damaged: whether bytes are not in it. noted: what is met
    while rows are read.
    """

    path: Path
    section: str
    titles: list[str] | None
    width: int
    rows: Callable[[Sequence[int]], Iterator[Row]]
    header: bool | None
    typed: bool
    encoding: str | None
    damaged: bool
    noted: Counter[str]


Header = bool | Sequence[str]
"""Whether the first row names the columns, or the names where none does."""


def of_lines(path: Path, section: str, rows: Iterator[Row], header: Header, encoding: str, damaged: bool) -> Table:
    """Return the table whose rows are these lines, the first of them with the names of its columns if it has a header.

    Raises DataError where there are no rows, or more columns than MOST_COLUMNS.
    """
    first = next(rows, None) if header is True else None
    titles = list(map(tidy, header)) if not isinstance(header, bool) else None
    if header is True:
        titles = _titles(path, first)
    ahead = list(islice(rows, 1000))
    if not ahead:
        raise DataError(f"{path}: holds a header and no rows; fetch the file again")
    width = len(titles) if titles is not None else _usual_width(path, section, ahead)
    refuse_wide(path, width)
    every = chain(ahead, rows)
    return Table(path, section, titles, width, lambda _: every, header is True, False, encoding, damaged, Counter())


def refuse_wide(path: Path, width: int) -> None:
    """Raise DataError for more columns than a table has."""
    if width > MOST_COLUMNS:
        raise DataError(
            f"{path}: has {width:,} columns, more than {MOST_COLUMNS:,}; are its rows its columns? turn it round, or "
            "take out the columns that are not needed"
        )


def _titles(path: Path, row: Row | None) -> list[str]:
    """Return the names of the columns, tidy; DataError for a first row that names none."""
    if row is None or row.cells is None:
        raise DataError(f"{path}:1: the quotes of the header do not match; mend it")
    if not any(str(cell).strip() for cell in row.cells):
        raise DataError(f"{path}:{row.line}: empty, where the header should be; remove the line")
    return [
        tidy(str(cell).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")) for cell in row.cells
    ]


def _usual_width(path: Path, section: str, rows: Sequence[Row]) -> int:
    """Return the number of columns that most rows have: all there is to go by without a header."""
    widths = Counter(len(row.cells) for row in rows if row.cells)
    if not widths:
        raise DataError(f"{path}: not one row can be read; check {section}.delimiter and {section}.quoting")
    return widths.most_common(1)[0][0]


def column(table: Table, option: str, asked: Column) -> int:
    """Return the place of a column given by name or number; DataError that names the nearest one there is."""
    key = f"{table.section}.{option}"
    if isinstance(asked, str):
        name, names = tidy(asked), table.titles or []
        if name not in names:
            close = difflib.get_close_matches(name.lower(), [title.lower() for title in names], n=1)
            meant = next((title for title in names if title.lower() in close), None)
            there = f"it has {short(', '.join(names))}" if names else "without a header give its number, from 0"
            there = there.replace("it has", "its header names") if table.header else there
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise DataError(f"{table.path}: has no column {asked!r} for {key}; {there}{hint}")
        if names.count(name) > 1:
            places = ", ".join(str(at) for at, title in enumerate(names) if title == name)
            raise DataError(
                f"{table.path}: its header names {asked!r}, which {key} asks for, {names.count(name)} times (columns "
                f"{places}, counted from 0); rename one in the file, or give the number"
            )
        return names.index(name)
    if asked >= table.width:
        raise DataError(
            f"{table.path}: has {table.width} columns, {key} asks for number {asked}, counted from 0; "
            f"check {table.section}.delimiter and the number"
        )
    return asked


class HeaderWatch:
    """Looks at the label of every row: a header that was taken for a row, or a row for a header, is refused."""

    def __init__(self, table: Table, place: int) -> None:
        self.table, self.title = table, table.titles[place] if table.titles else None
        self.key, self.first, self.again = f"{table.section}.header", "", False

    def see(self, value: str) -> None:
        """Look at the label of one row; DataError where the header holds a label of other rows."""
        if self.title is None:
            self.again = self.again or value == self.first
            self.first = self.first or value
        elif self.table.header and value.strip() == self.title:
            raise DataError(
                f"{self.table.path}: its first line is taken for a header, yet {short(value)!r} is a label of other "
                f"rows; set {self.key} to false, and columns to numbers"
            )

    def end(self) -> None:
        """Say that there are no more rows; DataError where the first one looks like a header."""
        looked_at = self.table.header is False and self.title is None
        if looked_at and not self.again and tidy(self.first).casefold() in TITLES:
            raise DataError(
                f"{self.table.path}: its first line, with {tidy(self.first)!r} as label, looks like a header; set "
                f"{self.key} to true"
            )


class Place(NamedTuple):
    """A file of a source: its part, how rows name it, where it is, and what stands before the lines of its rows."""

    part: str
    name: str
    path: Path
    before: str


def places(path: Path, files: Mapping[str, str] | None, section: str) -> list[Place]:
    """Return the files of each part, of a pattern sorted by name; DataError where `path` and `files` do not fit."""
    if path.is_file():
        if files is not None:
            raise DataError(
                f"{path}: a file; leave {section}.files out to read it, or let {section}.path name its directory"
            )
        return [Place("all", path.name, path, "all")]
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
    return [place for part, name in files.items() for place in _of_part(path, part, name, section)]


def _of_part(path: Path, part: str, name: str, section: str) -> list[Place]:
    """Return the file of a part, or those that fit its pattern, such as train-*.parquet."""
    if (path / name).exists() or not re.search(r"[*?[]", name):
        return [Place(part, name, path / name, part)]
    found = sorted(file for file in path.glob(name) if file.is_file())
    if not found:
        raise DataError(f"{path}: no file there fits {name!r}; correct {section}.files.{part}")
    names = [file.relative_to(path).as_posix() for file in found]
    return [Place(part, own, file, f"{part}/{own}") for own, file in zip(names, found, strict=True)]


def short(text: str) -> str:
    """Return what a message shows of a text from a file."""
    shown = "".join(each if each.isprintable() else "\ufffd" for each in text[:200])
    return shown if len(text) <= 200 else f"{shown}…"
