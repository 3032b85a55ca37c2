"""Floors of clicks: what most users chose, and the items most like those that the user chose."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs

TRIED = tuple((shrinkage, neighbours) for shrinkage in (10.0, 100.0) for neighbours in (20, 200))
"""Shrinkage and neighbours that item-kNN is tried with on a fifth of the training rows."""
FIRST = 10


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
    """Return by name "value", "rank" and "user_place" [N_test] of each floor; popularity is the first.

    kind: `evaluation.floors.interaction`; train, test: decoded rows, by input field. Item-kNN is chosen by how many of
    the rows held out are among the first FIRST. Raises ValueError without training rows.
    """
    if not len(train[0]):
        raise ValueError("no training rows")
    pairs = kind.features(train, test)
    held = np.random.default_rng(seed).random(len(pairs.user)) < 0.2
    inner = pairs._replace(
        user=pairs.user[~held],
        item=pairs.item[~held],
        asked_user=pairs.user[held],
        asked_item=pairs.item[held],
        asked_place=pairs.user[held],
    )
    hits = [
        float((kind.ranks(inner, _nearest(kind, inner, *settings)) <= FIRST).sum())
        for settings in progress(TRIED, "item-kNN", "fits")
    ]
    ways = {"popularity": kind.popular(pairs), "item_knn": _nearest(kind, pairs, *TRIED[int(np.argmax(hits))])}
    found: dict[str, Outputs] = {}
    for name, scores in ways.items():
        rank = kind.ranks(pairs, scores)
        found[name] = {"value": -rank.astype(np.float64), "rank": rank, "user_place": pairs.asked_place}
    return found


def _nearest(kind: Any, pairs: Any, shrinkage: float, neighbours: int) -> Any:
    return kind.nearest(pairs, kind.likeness(pairs.matrix(np.ones(len(pairs.user))), shrinkage, neighbours))
