"""Selective classification: a model that says "I don't know" where it is not sure enough, and what that is worth."""

import math

import numpy as np

CERTAINTY = 0.95
"""With which the risk that was asked for is kept to."""


def curve(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return share answered and share wrong of these, float64 [N] each, answering the surest 1, 2, … N rows.

    confidence [N]; right bool [N]. The risk-coverage curve of El-Yaniv and Wiener 2010 (JMLR 11). Rows of one
    confidence are answered together: the share wrong of each is that of all of them.
    """
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    last = np.searchsorted(-confidence[order], -confidence[order], side="right")
    wrong = np.cumsum(~right[order])
    return count / len(order), wrong[last - 1] / last


def area(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean over the curve of the share wrong (AURC): less is better, 0 without mistakes."""
    return float(curve(confidence, right)[1].mean())


def at(confidence: np.ndarray, right: np.ndarray, limit: float) -> dict[str, float | None]:
    """Return, of answering from a confidence on, the share "answered" and its "risk", the share wrong of these."""
    kept = confidence >= limit
    return {"answered": float(kept.mean()), "risk": float((~right[kept]).mean()) if kept.any() else None}


def fit(confidence: np.ndarray, right: np.ndarray, risk: float, certainty: float = CERTAINTY) -> float | None:
    """Return the confidence from which on at most a share of `risk` of answers to rows like these is wrong.

    confidence [N] and right bool [N] of rows that set no weight. It keeps to the risk with the certainty, whatever the
    model: a binary search over the confidences with an exact binomial bound at each step (Geifman and El-Yaniv 2017,
    arXiv:1705.08500, algorithm 1 and lemma 3.1). It takes rows for independent. None where no number of the surest rows
    proves so small a risk.
    """
    limits = np.unique(confidence)  # ascending: the first answers every row
    steps = max(1, math.ceil(math.log2(len(limits)))) + 1
    found, low, high = None, 0, len(limits) - 1
    while low <= high:
        place = (low + high) // 2
        kept = confidence >= limits[place]
        if bound(int((~right[kept]).sum()), int(kept.sum()), (1 - certainty) / steps) <= risk:
            found, high = float(limits[place]), place - 1
        else:
            low = place + 1
    return found


def bound(wrong: int, rows: int, doubt: float) -> float:
    """Return the share wrong that so few wrong rows leave possible but for a probability `doubt`: Clopper-Pearson."""
    from scipy.stats import beta

    return 1.0 if wrong == rows else float(beta.ppf(1 - doubt, wrong + 1, rows - wrong))
