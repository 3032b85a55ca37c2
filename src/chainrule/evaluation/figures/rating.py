"""What a page shows of ratings: what is left, whose lists are good, what is recommended, and the rows furthest off."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.figures import lists, number
from chainrule.evaluation.figures.number import worst
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.rating import answers
from chainrule.evaluation.shown import Picture, Table

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
BESIDE = ("root_mean_squared_error", "mean_absolute_error", "ndcg_at_10", "recall_at_10")
"""Scores that are drawn beside the floors' scores."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` [N]."""
    found, true = answers(outputs, facts), np.asarray(target, dtype=np.float64)
    residuals = Picture(
        "residuals",
        "What is left: predicted less true rating of the test rows",
        lambda path: number.residuals(true, found, path),
        wide=False,
    )
    return [residuals, *lists.pictures(outputs, target, facts)]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the errors by true rating, whose lists are how good, and what is recommended to whom."""
    return [_by_rating(outputs, target, facts), *lists.tables(outputs, target, facts)]


def _by_rating(outputs: Outputs, target: np.ndarray, facts: Facts) -> Table:
    """Return mean answer and error of the test rows of each rating, or of each fifth where there are many."""
    found, true = answers(outputs, facts), np.asarray(target, np.float64)
    values = np.unique(true)
    edges = values if len(values) <= 12 else np.unique(np.quantile(true, np.linspace(0, 1, 6)))
    place = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, len(edges) - 1)
    rows = []
    for at, edge in enumerate(edges):
        own = place == at
        if own.any():
            error = found[own] - true[own]
            mean, rms = f"{found[own].mean():.3g}", f"{np.sqrt((error**2).mean()):.3g}"
            rows.append((f"{edge:g}" if len(values) <= 12 else f"from {edge:g}", f"{own.sum():,}", mean, rms))
    return Table("By true rating", ("rating", "test rows", "mean answer", "root mean squared error"), rows)


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    coverage = scores["coverage"]["value"]
    held = [f"The interval of 90% that goes with each rating holds {coverage:.1%} of them."] if coverage else []
    ranked = (
        "NDCG and recall are of the whole catalogue without what a user met in training; liked is what was rated the "
        "mean of the training ratings or more. A model that learns ratings is not asked which items users choose at "
        "all, so popularity, which says nothing else, may well be ahead there: see the task item_ranking."
    )
    return [ranked, *held]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    coverage = scores["coverage"]
    if coverage["high"] is None or coverage["high"] >= number.SHARE:
        return []
    held = f"the interval of 90% holds {coverage['value']:.1%} of the test rows' ratings"
    return [f"{held}: they are not like the validation rows, by which its width was found"]
