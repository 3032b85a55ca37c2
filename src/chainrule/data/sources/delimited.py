"""CSV and TSV files, one per part of the split or one for all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import cells
from chainrule.data.formats import text as encodings
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    columns: cells.Columns | None = None,
    files: Mapping[str, str] | None = None,
    delimiter: str,
    quoting: bool,
    header: bool,
    labels: Mapping[str, str] | None,
    separator: str = ",",
    decimal: str = ".",
    group: str | int | None,
    time: str | int | None = None,
    encoding: str | None = None,
    max_cell: int = cells.MAX_CELL,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of their lines.

    `fields` are those of the task; the inputs are texts. `columns` maps a field to its column, a name (with `header`)
    or a number from 0; a field that is left out is the column of its own name. For a set of labels it may be several
    columns, one for each label, that say 1 or 0; else a cell holds a JSON list, or labels with `separator` between.
    Rows of "unlabelled" need no column of the target.

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a file name;
    None: `path` is a file, and it is all. `delimiter` is one ASCII character; with `quoting` a cell in double quotes
    may hold delimiters and line ends (RFC 4180), without it a quote is a character like any other. `group` is a column
    as well, and so is `time`, of when a row is, kept as it is written. `labels` maps values in the file to label names
    (None: the values are the names); "1.0" is found under "1". `decimal` is the decimal mark of numbers. `encoding` is
    that of all files; None: it is found (`chainrule.data.formats.text`), and attrs["encodings"] counts files by it. An
    input holds its cell in UTF-8; `id` is "<part>/<line>", where the row begins, counted from 1; without a `group`
    column every row is its own group.

    `problem` marks rows that cannot be read as the others, with what was met behind a colon: "wrong_column_count",
    "broken_quoting" and "repeated_header" (inputs are then the whole line), "cell_too_long" (over `max_cell`
    characters), "undecodable_text", "undecodable_label" (bytes that the file's encoding does not have),
    "unknown_label", "unreadable_labels" and "not_a_number". Where quotes do not match, every line from the opening
    quote to the one that shows it is "broken_quoting": which of them are rows cannot be told. An empty line is a row
    with empty inputs; an empty target is None.

    section: the block of params.yaml that messages name. Raises DataError for a missing or empty file, one that is
    not a text file, a column that is not there or there twice, a quote that is never closed, and an encoding in doubt.
    """
    return cells.read(
        path,
        fields,
        _text,
        columns=columns,
        files=files,
        delimiter=delimiter,
        quoting=quoting,
        header=header,
        writing=cells.Writing(labels, separator, decimal),
        group=group,
        time=time,
        encoding=encoding,
        max_cell=max_cell,
        section=section,
    )


def _text(_: Path, cell: str) -> cells.Found:
    return encodings.as_found(cell), None
