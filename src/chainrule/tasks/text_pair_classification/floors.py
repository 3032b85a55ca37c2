"""Floors of text pair classification: those of one label, and one that is told how much the two texts share.

Which words each text has says little; that nearly all words of one are in the other, and which word is not, says more.
"""

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.floors import label
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.selection import Family
from chainrule.fields.text import words

INVERSE_PENALTIES = (0.03, 0.1, 0.3, 1.0)


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
    """Return by name the probabilities float64 [N_test, classes] of each floor, as `evaluation.floors.label` does."""
    overlap = SimpleNamespace(FEW_ROWS=None, features=features, classifiers=classifiers)
    found = [label.floors(one, train, target, test, facts, seed, groups, progress) for one in (kind, overlap)]
    return {**found[0], **found[1]}


def classifiers() -> dict[str, Family]:
    """Return the simple model of words and of how much of each text is in the other."""
    from sklearn.linear_model import LogisticRegression

    def logistic_regression(inverse_penalty: float) -> Any:
        return LogisticRegression(C=inverse_penalty, tol=1e-4, max_iter=1000)

    return {"overlap_logistic_regression": Family("overlap", logistic_regression, INVERSE_PENALTIES)}


def features(train: Sequence[Sequence[str]], test: Sequence[Sequence[str]]) -> tuple[Any, Any]:
    """Return sparse float64 [N, …] of training and test pairs: which 1- and 2-grams each has, and what they share."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import CountVectorizer

    split = partial(words, signs=True)
    grams = CountVectorizer(tokenizer=split, token_pattern=None, lowercase=False, ngram_range=(1, 2), binary=True)
    grams.fit([*train[0], *train[1]])

    def found(first: Sequence[str], second: Sequence[str]) -> Any:
        said = [shared(split(one), split(two)) for one, two in zip(first, second, strict=True)]
        return hstack([grams.transform(first), grams.transform(second), csr_matrix(np.array(said))], format="csr")

    return found(*train), found(*test)


def shared(first: list[str], second: list[str]) -> list[float]:
    """Return what share of all words, of those of the first and of those of the second text both have, and lengths."""
    one, two = set(first), set(second)
    both = len(one & two)
    rest = [both / max(1, len(side)) for side in (one | two, one, two)]
    return [*rest, len(first) / max(1, len(second)), len(second) / max(1, len(first))]
