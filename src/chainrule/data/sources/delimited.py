"""CSV and TSV files, one per part of the split or one for all."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import cells, lines
from chainrule.data.formats.targets import Writing
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

NAMES_FILES = True
"""New tables come with the images that they name, which are none without a table."""


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    columns: cells.Columns | None = None,
    files: Mapping[str, str] | None = None,
    part: str | int | None = None,
    delimiter: str = ",",
    quoting: bool = True,
    header: bool | Sequence[str] = True,
    skip: int = 0,
    labels: Mapping[str, str] | None = None,
    separator: str = ",",
    decimal: str = ".",
    thousands: str = "",
    named: str = "{}",
    group: str | int | None = None,
    time: str | int | None = None,
    encoding: str | None = None,
    max_cell: int = cells.MAX_CELL,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of their lines.

    `fields` are those of the task. `columns` maps a field to its column, a name or a number from 0; a field that is
    left out is the column of its own name. `header` says whether the first line names the columns, or is their names
    where no line does. A text is its cell in UTF-8. An image or sound is the file that its cell names, in the folder of
    its table, which `path` must be then. A row of a table is a JSON object of all columns that no other field, group or
    part is, its cells as they are written. For a set of labels the column may be several, one for each label, that say
    1 or 0; else a cell holds a JSON list, or labels with `separator` between. Rows of "unlabelled" need no target.

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a file name;
    None: `path` is a file, and it is all. `part` is a column that names the part of its row instead. `delimiter` is one
    ASCII character; with `quoting` a cell in double quotes may hold delimiters and line ends (RFC 4180), without it a
    quote is a character like any other, and a delimiter may be several characters. `group` and `time` are columns as
    well (`time`, as it is written, is a column of the rows that are returned only if it is given). `labels` maps values
    in the file to label names (None: the values are the names); "1.0" is found under "1". `decimal` is the decimal mark
    of numbers, `thousands` what stands between their thousands, or "". `skip` lines above the header, or the first row,
    are left out. A cell that names an image names the file `named`, in which {} stands for it. `encoding` is that of
    all files; None: it is found (`chainrule.data.formats.text`), and attrs["encodings"] counts files by it.
    `id` is "<part>/<line>", where the row begins, counted from 1; without a `group` column every row is its own group.
    Where images are named, attrs["images"] counts rows by image, as a path from `path`, and attrs["unnamed_images"]
    says of a source how many images in `path` no row names.

    `problem` marks rows that cannot be read as the others, with what was met behind a colon: "wrong_column_count",
    "broken_quoting" and "repeated_header" (inputs are then the whole line), "cell_too_long" (over `max_cell`
    characters), "undecodable_text", "undecodable_label" (bytes that the file's encoding does not have),
    "unknown_label", "unreadable_labels", "not_a_number", "unknown_part", "missing_file" and "outside_folder" (of
    images). Where quotes do not match, every line from the opening quote to the one that shows it is "broken_quoting":
    which of them are rows cannot be told. An empty line is a row with empty inputs; an empty target is None.

    section: the block of params.yaml that messages name. Raises DataError for a missing or empty file, one that is not
    a text file, a column that is not there or there twice, more columns than a table has, a quote that is never closed,
    an encoding in doubt, and an image that is not to be read.
    """
    return cells.read(
        path,
        fields,
        partial(
            lines.tables,
            delimiter=delimiter,
            quoting=quoting,
            header=header,
            skip=skip,
            encoding=encoding,
            section=section,
        ),
        columns=columns,
        files=files,
        part=part,
        writing=Writing(labels, separator, decimal, thousands),
        named=named,
        group=group,
        time=time,
        max_cell=max_cell,
        section=section,
    )
