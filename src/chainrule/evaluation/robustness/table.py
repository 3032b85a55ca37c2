"""Corruptions of a table's rows: numbers that are measured worse or in another unit, cells and columns that are
missing, categories of other rows.

How much a number varies is told by the rows themselves. A number that was whole in all rows stays whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.robustness import draws
from chainrule.fields.cells import plain

NEEDS_CLEANING = True
"""Whether what is made may look otherwise than rows that were cleaned do."""

Row = dict[str, Any]


class Columns(NamedTuple):
    """What rows tell of their columns: the names of numbers with their spread, of whole ones, and others' cells."""

    spread: Mapping[str, float]
    whole: frozenset[str]
    others: Mapping[str, Sequence[Any]]


def noise(rows: Sequence[Row], columns: Columns, strength: float, name: str, severity: int, seed: int) -> list[Row]:
    """Add normal noise of `strength` standard deviations of its column to every number."""

    def altered(row: Row, rng: np.random.Generator) -> Row:
        drawn = strength * rng.standard_normal(len(columns.spread))
        added = zip(columns.spread.items(), drawn.tolist(), strict=True)
        return {
            column: _number(row[column] + deviations * spread, column, columns)
            for (column, spread), deviations in added
            if row[column] is not None
        }

    return _by_row(rows, altered, name, severity, seed)


def scaling(rows: Sequence[Row], columns: Columns, strength: float, name: str, severity: int, seed: int) -> list[Row]:
    """Multiply each column of numbers by a factor of its own, the same in all rows: 1 + strength, or one over that."""
    rng = draws.generator(seed, name, severity, 0)
    up = (rng.random(len(columns.spread)) < 0.5).tolist()
    factors = {
        column: 1 + strength if upwards else 1 / (1 + strength)
        for column, upwards in zip(columns.spread, up, strict=True)
    }
    return [
        {
            column: _number(cell * factors[column], column, columns) if column in factors and cell is not None else cell
            for column, cell in row.items()
        }
        for row in rows
    ]


def missing_cells(
    rows: Sequence[Row], columns: Columns, strength: float, name: str, severity: int, seed: int
) -> list[Row]:
    """Let a share of the cells of each row be missing; one that was not stays."""

    def altered(row: Row, rng: np.random.Generator) -> Row:
        held = [column for column, cell in row.items() if cell is not None]
        gone = draws.some(len(held), strength, rng)[: len(held) - 1]
        return {held[place]: None for place in gone}

    return _by_row(rows, altered, name, severity, seed)


def missing_columns(
    rows: Sequence[Row], columns: Columns, strength: float, name: str, severity: int, seed: int
) -> list[Row]:
    """Let a share of the columns be missing in all rows; one stays."""
    names = list(rows[0]) if rows else []
    places = draws.some(len(names), strength, draws.generator(seed, name, severity, 0))[: len(names) - 1]
    gone = {names[place] for place in places}
    return [{column: None if column in gone else cell for column, cell in row.items()} for row in rows]


def other_categories(
    rows: Sequence[Row], columns: Columns, strength: float, name: str, severity: int, seed: int
) -> list[Row]:
    """Give a share of a row's cells that are no numbers the value of another row."""

    def altered(row: Row, rng: np.random.Generator) -> Row:
        held = [column for column in columns.others if row[column] is not None]
        changed = [held[place] for place in draws.some(len(held), strength, rng)]
        return {column: columns.others[column][int(rng.integers(len(columns.others[column])))] for column in changed}

    return _by_row(rows, altered, name, severity, seed)


Alter = Callable[[Sequence[Row], Columns, float, str, int, int], list[Row]]

CORRUPTIONS: Mapping[str, tuple[Alter, Sequence[float]]] = {
    "noise": (noise, (0.1, 0.2, 0.4, 0.7, 1.0)),
    "scaling": (scaling, (0.05, 0.1, 0.2, 0.4, 0.8)),
    "missing_cells": (missing_cells, (0.05, 0.1, 0.2, 0.4, 0.6)),
    "missing_columns": (missing_columns, (0.1, 0.2, 0.3, 0.4, 0.6)),
    "other_categories": (other_categories, (0.1, 0.2, 0.4, 0.6, 0.8)),
}
"""What is done, and how much of it, by severity; to one cell or column at least."""


def corrupted(values: Sequence[str], name: str, severity: int, seed: int) -> list[str]:
    """Return rows as cleaned rows hold them, JSON of cells by column, altered; severity: 1 to 5, 0 changes none."""
    if not severity:
        return list(values)
    alter, strengths = CORRUPTIONS[name]
    rows = [json.loads(value) for value in values]
    found = alter(rows, told(rows), draws.at(strengths, severity), name, severity, seed)
    return [json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for row in found]


def told(rows: Sequence[Row]) -> Columns:
    """Return what rows tell of their columns; one in which all cells are missing is neither."""
    spread, whole, others = {}, set(), {}
    for column in rows[0] if rows else ():
        cells = [row[column] for row in rows if row[column] is not None]
        if cells and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
            spread[column] = float(np.std(cells))
            if all(float(cell).is_integer() for cell in cells):
                whole.add(column)
        elif cells:
            others[column] = cells
    return Columns(spread, frozenset(whole), others)


def _number(found: float, column: str, columns: Columns) -> float | int:
    return round(found) if column in columns.whole else plain(found)


def _by_row(
    rows: Sequence[Row], altered: Callable[[Row, np.random.Generator], Row], name: str, severity: int, seed: int
) -> list[Row]:
    """Return rows with those cells that `altered` gives."""
    return [{**row, **altered(row, draws.generator(seed, name, severity, place))} for place, row in enumerate(rows)]
