"""What a linear model sees in the words of texts, and in pairs of words: those that two rows have at least."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.evaluation.floors import text
from chainrule.evaluation.selection import Fold
from chainrule.exploration.simple import held_out

TITLE = "a linear model of the words of the texts and pairs of them"
MANY = 20
"""With more classes than these it is naive Bayes, which is fitted to all at once; else logistic regression."""
_CHARACTERS = 3_000_000
_ANSWERS = 200_000
_INVERSE_PENALTY = 10.0


def most(values: Sequence[Sequence[str]], answers: int) -> int:
    """Return how many rows of texts [fields][N] can be fitted to: fewer of long ones, and for many answers."""
    size = sum(sum(map(len, field)) / max(len(field), 1) for field in values)
    return int(max(1_000, min(20_000, _CHARACTERS / max(size, 1), _ANSWERS / max(answers, 1))))


def features(fields: Sequence[Sequence[str]]) -> Any:
    """Return sparse float64 [N, words], weighted by tf-idf; one list of texts per input field."""
    from sklearn.feature_extraction.text import TfidfTransformer

    counts, _ = text.features(fields, [field[:1] for field in fields])
    often = np.asarray((counts > 0).sum(axis=0)).ravel() >= 2
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, often] if often.any() else counts)


def one_of(inputs: Any, target: np.ndarray, classes: int, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each class, float64 [N, classes]; target: int [N]."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import MultinomialNB

    def make() -> Any:
        return OneVsRestClassifier(_logistic()) if classes <= MANY else MultinomialNB(alpha=0.1)

    return held_out.said(make, inputs, target, folds, classes)


def each_of(inputs: Any, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the probability of each label, float64 [N, C]; target: [N, C] of 0 and 1."""
    columns = [
        held_out.said(_logistic, inputs, column.astype(np.int64), _of_both(column, folds), 2)[:, 1]
        for column in target.T
    ]
    return np.stack(columns, axis=1)


def value(inputs: Any, target: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Return the number of each row, float64 [N]; target: float [N]."""
    from sklearn.linear_model import Ridge

    return held_out.said(partial(Ridge, alpha=1.0), inputs, target, folds)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    # Of sparse rows and two classes liblinear takes a fraction of the time of the others.
    return LogisticRegression(C=_INVERSE_PENALTY, solver="liblinear", tol=1e-2, random_state=0)


def _of_both(column: np.ndarray, folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds that keep rows with a label and rows without it."""
    return [(kept, held) for kept, held in folds if len(np.unique(column[kept])) > 1]
