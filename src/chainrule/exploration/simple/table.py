"""What gradient-boosted trees see in the rows of a table."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.evaluation.floors import table
from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold
from chainrule.exploration.simple import held_out
from chainrule.fields.encoding import Row

TITLE = "gradient-boosted trees on the columns"
MANY = 50
"""Classes beyond which trees take too long."""
_CELLS = 400_000
_TREES = 50.0


def most(values: Sequence[Sequence[str]], answers: int) -> int:
    """Return how many rows of tables [fields][N] can be fitted to: fewer of wide ones; any number of answers."""
    (rows,) = values
    columns = max(rows[0].count(":"), 1) if len(rows) else 1
    return int(min(20_000, max(2_000, _CELLS / columns)))


def features(fields: Sequence[Sequence[Row]]) -> Any:
    """Return the rows as a data frame of numbers and categories; of the one input field."""
    (rows,) = fields
    found = table.features([rows], [rows[:1]])[0]
    if not found.shape[1]:
        raise NotShownError("no column of the table but texts has two values")
    return found


def one_of(inputs: Any, target: np.ndarray, classes: int, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each class, float64 [N, classes]; target: int [N].

    Raises NotShownError for more than MANY classes.
    """
    if classes > MANY:
        raise NotShownError(f"{classes:,} classes; trees, one per class each time, would take minutes above {MANY}")
    make = table.classifiers()["gradient_boosting"].make
    return held_out.said(partial(make, _trees(classes)), inputs, target, folds, classes)


def value(inputs: Any, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the number of each row, float64 [N]; target: float [N]."""
    make = table.regressors()["gradient_boosting"].make
    return held_out.said(partial(make, _TREES), inputs, target, folds)


def _trees(classes: int) -> float:
    """Return how many trees: each is one per class."""
    return max(10.0, 2 * _TREES / max(classes - 1, 1))
