"""Floors of ratings: popularity, the biases of users and items, and the items most like those that the user rated.

Popularity says the mean rating of everything, and puts first what most users rated. Item-kNN (Sarwar et al. 2001,
https://doi.org/10.1145/371920.372071) says what biases do, and how far the user was from that in rating the likest
items; its order is how many users an item shares with all that the user met.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs

TRIED = tuple(
    (by, shrinkage, neighbours) for by in ("met", "rest") for shrinkage in (10.0, 100.0) for neighbours in (20, 80)
)
"""What item-kNN is tried with on a fifth of the training rows: whether items are alike that the same users met, or
whose ratings leave the biases the same way, shrinkage and neighbours."""


def floors(
    kind: Any,
    train: Sequence[Any],
    target: np.ndarray,
    test: Sequence[Any],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name "value", "rank" and "user_place" [N_test] of each floor.

    kind: `evaluation.floors.interaction`; train, test: decoded rows, by input field; target: ratings [N_train]. Raises
    ValueError on inputs that do not fit together.
    """
    if len(train[0]) != len(target) or not len(target):
        raise ValueError(f"{len(train[0])} training rows and {len(target)} ratings")
    ratings = np.asarray(target, np.float64)
    pairs = kind.features(train, test)
    told = kind.biases(pairs.user, pairs.item, ratings, pairs.users, pairs.items)
    every = np.arange(pairs.items)
    nearest = Neighbours(kind, pairs.user, pairs.item, ratings, pairs.users, pairs.items)
    errors = [_held_out(kind, pairs, ratings, each, seed) for each in progress(TRIED, "item-kNN", "fits")]
    by, shrinkage, neighbours = TRIED[int(np.argmin(errors))]
    value = nearest.said(by, shrinkage, neighbours, pairs.asked_user, pairs.asked_item)
    alike = kind.likeness(nearest.met, shrinkage, neighbours)
    said = {
        "popularity": (np.full(len(test[0]), told.mean), kind.popular(pairs)),
        "biases": (
            told.of(pairs.asked_user, pairs.asked_item),
            lambda users: told.of(users[:, None], every[None]),
        ),
        "item_knn": (value, kind.nearest(pairs, alike)),
    }
    least, most = facts["lowest"], facts["highest"]
    return {
        name: {
            "value": np.clip(value, least, most),
            "rank": kind.ranks(pairs, scores),
            "user_place": pairs.asked_place,
        }
        for name, (value, scores) in said.items()
    }


class Neighbours:
    """Ratings of users by how they rated the likest items."""

    def __init__(
        self, kind: Any, user: np.ndarray, item: np.ndarray, ratings: np.ndarray, users: int, items: int
    ) -> None:
        """Take the ratings [N] of pairs int64 [N] of so many users and items."""
        from scipy.sparse import csr_array

        self.kind = kind
        self.told = kind.biases(user, item, ratings, users, items)
        shape = (users, items)
        rest = ratings - self.told.of(user, item)
        self.rest = csr_array((rest, (user, item)), shape=shape)
        self.met = csr_array((np.ones(len(ratings)), (user, item)), shape=shape)

    def said(self, by: str, shrinkage: float, neighbours: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return what is said of pairs, float64 [N]; by, shrinkage, neighbours: as TRIED has them."""
        alike = self.kind.likeness({"met": self.met, "rest": self.rest}[by], shrinkage, neighbours)
        known = (users != self.kind.UNKNOWN) & (items != self.kind.UNKNOWN)
        near, rest, met = alike[items[known]], self.rest[users[known]], self.met[users[known]]
        above, below = ((near * own).sum(axis=1) for own in (rest, met))
        value: np.ndarray = self.told.of(users, items)
        value[known] += np.asarray(above).ravel() / np.maximum(np.asarray(below).ravel(), 1e-12)
        return value


def _held_out(kind: Any, pairs: Any, ratings: np.ndarray, settings: tuple[str, float, int], seed: int) -> float:
    """Return the mean squared error of item-kNN on a fifth of the training rows, fitted to the others."""
    held = np.random.default_rng(seed).random(len(ratings)) < 0.2
    if held.all() or not held.any():
        return 0.0
    kept = Neighbours(kind, pairs.user[~held], pairs.item[~held], ratings[~held], pairs.users, pairs.items)
    said = kept.said(*settings, pairs.user[held], pairs.item[held])
    return float(((said - ratings[held]) ** 2).mean())
