"""Selective classification: a model that says "I don't know" where it is not sure enough, and what that is worth."""

import numpy as np

CERTAINTY = 0.95
"""With which the risk that was asked for is kept to."""
LEVELS = 20
"""Numbers of rows that are tried: all, 95%, … 5%."""


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
    model: an exact binomial bound (Geifman and El-Yaniv 2017, arXiv:1705.08500, lemma 3.1) for each of LEVELS numbers
    of rows, and the largest number that proves it. The paper's binary search begins with half of the rows and would
    turn to fewer, which prove less, where all of them would do. Rows are taken for independent. None where no number
    proves so small a risk.
    """
    ranked = np.sort(confidence)
    for level in range(LEVELS):  # from all rows to the surest few
        limit = float(ranked[len(ranked) * level // LEVELS])
        kept = confidence >= limit
        if bound(int((~right[kept]).sum()), int(kept.sum()), (1 - certainty) / LEVELS) <= risk:
            return limit
    return None


def bound(wrong: int, rows: int, doubt: float) -> float:
    """Return the share wrong that so few wrong rows leave possible but for a probability `doubt`: Clopper-Pearson."""
    from scipy.stats import beta

    return 1.0 if wrong == rows else float(beta.ppf(1 - doubt, wrong + 1, rows - wrong))
