"""Rows of a table as arrays of numbers, by what training rows told: the same in training and in service.

A row is what `fields.table.decode` makes of a clean value: a dictionary of its columns, None where a value is missing.
What is done here needs a row alone. Filling gaps, scaling and cutting into pieces is part of the graph. The facts that
say how, plain data, are those of `training.inputs.table`:

- number, date, category (booleans among them), text: the columns of each kind, in their order.
- parts: by column of dates the names in DATE_PARTS of what is told of it.
- places: by column of categories the place of each value, from 1; those of a boolean are "true" and "false".
- absent: by column of categories the place of a missing value.
- words: {"most": words of a text that are read, "buckets": numbers that a word may get}.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from chainrule.fields.text import words

Row = Mapping[str, Any]
Facts = Mapping[str, Any]
OTHER = 0
"""The place of a category that was never met in training, or too seldom."""
NO_WORD = 0
_DAY = np.timedelta64(86_400, "s")
_LARGEST = float(np.finfo(np.float32).max)


def encode(rows: Sequence[Row], facts: Facts) -> dict[str, np.ndarray]:
    """Return the inputs of a graph for rows of a table, by name; an input of which there is no column is left out.

    numbers: float32 [B, N], NaN where a value is missing; first the columns of numbers, then the parts of the dates.
    categories: int64 [B, C], OTHER for what is not known. words: int64 [B, T, W], the words of each text by hash, from
    1, its first W; NO_WORD behind its last.
    """
    found = {
        "numbers": numbers(rows, facts["number"], [(column, facts["parts"][column]) for column in facts["date"]]),
        "categories": _categories(rows, facts),
        "words": _words(rows, facts["text"], **facts["words"]),
    }
    return {name: array for name, array in found.items() if array.shape[1]}


def numbers(rows: Sequence[Row], columns: Sequence[str], dates: Sequence[tuple[str, Sequence[str]]]) -> np.ndarray:
    """Return float32 [B, N] of columns of numbers, and of columns of dates their named parts; NaN where missing."""
    found = [np.asarray([row[column] for row in rows], np.float64) for column in columns]
    for column, parts in dates:
        if parts:
            # Without a time of the day it is midnight; None is no date.
            moments = np.asarray([row[column] for row in rows], "datetime64[s]")
            found += [np.where(np.isnat(moments), np.nan, DATE_PARTS[part](moments)) for part in parts]
    stacked = np.stack(found, axis=1) if found else np.empty((len(rows), 0))
    return np.clip(stacked, -_LARGEST, _LARGEST).astype(np.float32)


def category(value: Any) -> str | None:
    """Return a category or a boolean as the facts name it."""
    return ("false", "true")[value] if isinstance(value, bool) else value


def sizes(facts: Facts) -> list[int]:
    """Return how many places each column of categories has, OTHER included."""
    return [1 + max(facts["absent"][column], *facts["places"][column].values(), OTHER) for column in facts["category"]]


def _categories(rows: Sequence[Row], facts: Facts) -> np.ndarray:
    found = np.empty((len(rows), len(facts["category"])), np.int64)
    for at, column in enumerate(facts["category"]):
        known, missing = facts["places"][column], facts["absent"][column]
        values = (category(row[column]) for row in rows)
        found[:, at] = [missing if value is None else known.get(value, OTHER) for value in values]
    return found


def _words(rows: Sequence[Row], columns: Sequence[str], most: int, buckets: int) -> np.ndarray:
    found = np.full((len(rows), len(columns), most), NO_WORD, np.int64)
    for at, column in enumerate(columns):
        for place, row in enumerate(rows):
            hashes = [1 + crc32(word.encode()) % buckets for word in words(row[column] or "")[:most]]
            found[place, at, : len(hashes)] = hashes
    return found


def _days(moments: np.ndarray) -> np.ndarray:
    """Return the days since 1970, float64 [B], with the time of the day behind the point."""
    return np.asarray((moments - np.datetime64(0, "s")) / _DAY)


def _year(moments: np.ndarray) -> np.ndarray:
    """Return which share of its year is over at a moment, so that a leap year is as long as others."""
    years = moments.astype("datetime64[Y]")
    start, end = (each.astype("datetime64[s]") for each in (years, years + 1))
    return np.asarray((moments - start) / (end - start))


def _week(moments: np.ndarray) -> np.ndarray:
    return (_days(moments) + 3) / 7 % 1  # 1970 began on a Thursday


def _around(share: Callable[[np.ndarray], np.ndarray], place: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return what tells the place on a circle on which the end of a year, a week or a day is its beginning."""
    return lambda moments: place(2 * np.pi * share(moments))


DATE_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "day": _days,
    "year_sine": _around(_year, np.sin),
    "year_cosine": _around(_year, np.cos),
    "week_sine": _around(_week, np.sin),
    "week_cosine": _around(_week, np.cos),
    "day_sine": _around(_days, np.sin),
    "day_cosine": _around(_days, np.cos),
}
"""What may be told of a date, datetime64[s] [B] in and float64 [B] out: when it is, and where in year, week and day."""
