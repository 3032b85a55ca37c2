"""Parquet files, one or several per part of the split or one for all."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import cells, columnar
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
    max_cell: int = cells.MAX_CELL,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the Parquet files in `path`, in the order of `files` and of their rows.

    Cells have types, as in the source `json_lines`; dates and times are ISO 8601, NaN is null. An image is the bytes
    that its cell holds, the file that it names, or both, as Hugging Face's data sets have them; so are their names of
    classes. What is nested or bytes is the row's `problem` "nested_value" or "binary_value" where a value is needed.
    `origin` has the number of the row. All else is as in the source `delimited`.
    """
    return cells.read(
        path,
        fields,
        partial(columnar.tables, section=section),
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
