"""What the biases of users and items say of ratings."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.floors import interaction
from chainrule.evaluation.selection import Fold

TITLE = "the biases of users and items"


class Pairs(NamedTuple):
    """Who met what, int64 [N] each, from 0."""

    user: np.ndarray
    item: np.ndarray


def most(values: Sequence[Sequence[str]], answers: int) -> int:
    """Return how many rows of fields [fields][N] can be fitted to."""
    return 500_000


def features(fields: Sequence[Sequence[Any]]) -> Pairs:
    """Return the rows of the one input field by number."""
    (rows,) = fields
    return Pairs(*(np.unique([row[role] for row in rows], return_inverse=True)[1] for role in ("user", "item")))


def value(inputs: Pairs, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the rating of each row by the others, float64 [N], NaN where it is not to be known; target: float [N].

    Folds hold out whole users, of whom nothing would be known: rows are held out by turns instead.
    """
    users, items = int(inputs.user.max()) + 1, int(inputs.item.max()) + 1
    found = np.full(len(target), np.nan)
    turn = np.arange(len(target)) % 5
    for number in range(5):
        kept, held = turn != number, turn == number
        known = ~np.isnan(target) & kept
        told = interaction.biases(inputs.user[known], inputs.item[known], target[known], users, items)
        found[held] = told.of(inputs.user[held], inputs.item[held])
    return found
