"""What can be asked of a row: whether a number lies in a range, a cell holds a value, a class is its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CUTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles at which numbers are cut: rows above and below each, and between two that are neighbours."""
MOST_VALUES = 50
"""Of a column of words, the values that are asked for, the most frequent."""


class Condition(NamedTuple):
    """A question about rows; `about` is what it asks of, `rows` bool [N] where the answer is yes."""

    about: str
    words: str
    rows: np.ndarray


def of_columns(columns: Mapping[str, np.ndarray], least: int) -> list[Condition]:
    """Return conditions on columns [N] of numbers or dates (NaN, NaT: missing) or of words (object; None: missing).

    least: rows for which a condition must hold, and for which it must not.
    """
    found = []
    for name, values in columns.items():
        found += _of_words(name, values) if values.dtype == object else _of_numbers(name, values)
    return _large(found, least)


def of_classes(about: str, classes: Sequence[tuple[str, ...]], least: int) -> list[Condition]:
    """Return, for the most frequent classes, the condition that a row is of one; classes: those of each row."""
    often = Counter(name for own in classes for name in own).most_common(MOST_VALUES)
    return _large(
        [Condition(about, f"{about}: {name}", np.array([name in own for own in classes])) for name, _ in often], least
    )


def _large(conditions: Sequence[Condition], least: int) -> list[Condition]:
    """Leave out what holds for hardly a row or for nearly all, and what another condition of the column says too."""
    kept: dict[tuple[str, bytes], Condition] = {}
    for condition in conditions:
        if least <= int(condition.rows.sum()) <= len(condition.rows) - least:
            kept.setdefault((condition.about, condition.rows.tobytes()), condition)
    return list(kept.values())


def _of_words(name: str, values: np.ndarray) -> list[Condition]:
    missing = np.array([value is None for value in values])
    often = Counter(value for value in values if value is not None).most_common(MOST_VALUES)
    found = [Condition(name, f"{name}: {value}", values == value) for value, _ in often]
    return [*found, Condition(name, f"{name} is missing", missing)]


def _of_numbers(name: str, values: np.ndarray) -> list[Condition]:
    is_date = values.dtype.kind == "M"
    missing = np.isnat(values) if is_date else np.isnan(values)
    held = values[~missing]
    if not len(held):
        return []
    found = [Condition(name, f"{name} is missing", missing)]
    # Whole numbers of which there are few are asked for one by one, as words are.
    each = np.unique(held)
    if len(each) <= 2 * len(CUTS):
        found += [Condition(name, f"{name}: {_said(value)}", values == value) for value in each]
    cuts = np.unique(np.quantile(held.astype(np.int64), CUTS, method="lower").astype(values.dtype) if is_date
                     else np.quantile(held, CUTS, method="lower"))  # fmt: skip
    for cut in cuts:
        found.append(Condition(name, f"{name} at most {_said(cut)}", values <= cut))
        found.append(Condition(name, f"{name} over {_said(cut)}", values > cut))
    for low, high in pairwise(cuts):
        words = f"{name} over {_said(low)}, at most {_said(high)}"
        found.append(Condition(name, words, (values > low) & (values <= high)))
    return found


def _said(value: float | np.datetime64) -> str:
    return str(value)[:10] if isinstance(value, np.datetime64) else f"{value:.5g}"
