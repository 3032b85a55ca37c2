"""What a page shows of stars: how many rows are how far off."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.shown import Picture, Table, Worst, Wrong

BESIDE = ("hit_rate", "mean_absolute_error")


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return no pictures of its own."""
    return []


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return how many test rows are how many stars off."""
    off, rows = np.unique(np.abs(np.rint(outputs["value"]) - target).astype(int), return_counts=True)
    cells = [(str(stars), f"{count:,}") for stars, count in zip(off, rows, strict=True)]
    return [Table("Stars off", ("stars", "rows"), cells)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores: nothing."""
    return []


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know: nothing."""
    return []


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, the furthest off first."""
    error = outputs["value"] - target
    order = np.argsort(-np.abs(error), kind="stable")[:most]
    found = [Wrong(int(row), f"{outputs['value'][row]:.2f}", f"{error[row]:+.2f}", f"{target[row]:g}") for row in order]
    return Worst("Furthest off", "Look here first.", "None.", found)
