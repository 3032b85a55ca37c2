"""Workbooks of Excel (.xlsx, .xlsm), one per part of the split or one for all."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import cells, workbook
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
    sheet: str | None = None,
    header: bool | Sequence[str] = True,
    skip: int = 0,
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
    """Raw rows of a sheet of each workbook in `path`, in the order of `files` and of their rows.

    `sheet` is its name, or None for the only one that is shown and holds anything. Cells have types: in a row of a
    table numbers and truth values stay such, dates are ISO 8601; elsewhere a cell is what it would be in a CSV file. Of
    a formula the value counts that Excel kept. attrs["noted"] counts cells with an error (in a table "#DIV/0!" and the
    like, else the row's `problem` "error_value"), formulas without a value (empty), rows without a cell (left out),
    merged areas (their value is in the first cell alone) and hidden sheets. `origin` has the number of the row in the
    sheet. All else is as in the source `delimited`; `decimal` is that of numbers that are texts.
    """
    return cells.read(
        path,
        fields,
        partial(workbook.tables, sheet=sheet, header=header, skip=skip, section=section),
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
