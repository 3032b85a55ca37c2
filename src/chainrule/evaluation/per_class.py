"""Precision, recall and F1 of each class, where a row has one or several of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Found, Metrics


def scores(right: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> Metrics:
    """Return the scores of each class [..., C] from how often it was rightly said, said and true.

    NaN for a class without a row; one that is never said has precision 0, as scikit-learn's zero_division=0.
    """
    present = support > 0
    return {
        "precision": np.where(present, right / np.maximum(predicted, 1), np.nan),
        "recall": np.where(present, right / np.maximum(support, 1), np.nan),
        "f1": np.where(present, 2 * right / np.maximum(predicted + support, 1), np.nan),
        "support": support,
        "predicted": predicted,
    }


def mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the defined of the last axis of [..., C]; NaN where none is."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=-1)
    return np.where(number, np.where(defined, values, 0).sum(axis=-1) / np.maximum(number, 1), np.nan)


def details(found: Found, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return, by class, its scores with intervals, its rows, and in how many resamples it was absent or never said."""
    return {
        name: {
            **{score: found.entry(score, place) for score in ("precision", "recall", "f1")},
            "support": int(found.value["support"][place]),
            "absent_resamples": found.times("support", 0, place),
            "unpredicted_resamples": found.times("predicted", 0, place),
        }
        for place, name in enumerate(classes)
    }
