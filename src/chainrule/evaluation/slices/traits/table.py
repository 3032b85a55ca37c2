"""Traits of a table's rows: their cells, and how many of them are missing."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.fields.text import words

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")
_FEW = 0.5  # of the cells that are there may be different words; of more, a cell is a text and counted by its words


def traits(values: Sequence[str]) -> dict[str, np.ndarray]:
    """Return columns [N] by name: numbers, dates and words as cells hold them; of a column of texts the words of each.

    values: rows as `chainrule.fields.table` cleans them.
    """
    rows = [json.loads(value) for value in values]
    found: dict[str, np.ndarray] = {}
    for name in rows[0] if rows else ():
        called, column = _column(name, [row.get(name) for row in rows])
        found[called] = column
    return {**found, "missing cells": np.array([sum(cell is None for cell in row.values()) for row in rows], float)}


def _column(name: str, cells: Sequence[Any]) -> tuple[str, np.ndarray]:
    held = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in held):
        return name, np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    said = [None if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in cells]
    there = [cell for cell in said if cell is not None]
    if all(_DATE.fullmatch(cell) for cell in there):
        return name, np.array(["NaT" if cell is None else cell for cell in said], "datetime64[s]")
    if len(set(there)) > _FEW * len(there) and len(there) > 1:
        counts = [np.nan if cell is None else len(words(cell)) for cell in said]
        return f"words of {name}", np.array(counts, np.float64)
    return name, np.array(said, object)
