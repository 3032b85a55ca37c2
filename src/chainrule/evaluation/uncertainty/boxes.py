"""What is known of the doubt in answers that are boxes: how far their scores are to be trusted."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.boxes import taken
from chainrule.fields import suppression

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mean score of boxes by which it is, and how many of them find one; plain data.

    target: float [N, M, 6]; asked: the settings `evaluate.uncertainty`. {"bands": [[from, to, boxes, mean score, share
    that finds a true box], ...], "rows"}.
    """
    return {"bands": _bands(outputs, target), "rows": len(target)}


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of other rows: {"bands"}."""
    return {"bands": _bands(outputs, target)}


EDGES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


def _bands(outputs: Outputs, target: np.ndarray) -> list[list[float]]:
    scores, hits = [np.zeros(0)], [np.zeros(0, bool)]
    for own, true in zip(suppression.said(outputs, {}), np.asarray(target), strict=True):
        found, marked = (each[:, 0] for each in taken(own, true[true[:, 4] >= 0]))
        scores.append(own.scores[~marked])
        hits.append(found[~marked])
    sure, hit = np.concatenate(scores), np.concatenate(hits)
    bands = []
    for low, high in pairwise(EDGES):
        inside = (sure >= low) & ((sure < high) | (high == EDGES[-1]))
        if inside.any():
            means = [round(float(each[inside].mean()), DIGITS) for each in (sure, hit)]
            bands.append([low, high, int(inside.sum()), *means])
    return bands


def shown(lines: Mapping[str, Any], found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was found on validation rows and by `measured` on others, as lines of a table: what, there, here."""
    there, here = ({low: own for low, *own in bands} for bands in (lines["bands"], found["bands"]))
    told = []
    for low, high in pairwise(EDGES):
        if low in there or low in here:
            words = [
                f"{own[low][3]:.1%} of {own[low][1]:,} ({own[low][2]:.1%} said)" if low in own else "-"
                for own in (there, here)
            ]
            told.append((f"boxes with a score from {low:.1f} to {high:.1f} that find a true one", *words))
    return told  # type: ignore[return-value]
