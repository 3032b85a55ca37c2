"""JSON objects, one per line (JSON Lines) or in a list, in one file per part of the split or one for all."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import cells, objects
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
    """Raw rows of the objects of each file in `path`, in the order of `files` and of their lines.

    A column is a name that objects have; where one lacks it the cell is null. In a row of a table values are as they
    are; anywhere else numbers and truth values are what they would be in a CSV file, a list may be a set of labels, and
    what is nested is the row's `problem` "nested_value". Others are "broken_json", "not_json" (NaN, Infinity),
    "not_an_object", "repeated_name" and "undecodable_text". attrs["noted"] counts empty lines. All else is as in the
    source `delimited`; a file whose first sign is [ is one list, and refused where it is not JSON.
    """
    return cells.read(
        path,
        fields,
        partial(objects.tables, encoding=encoding, section=section),
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
