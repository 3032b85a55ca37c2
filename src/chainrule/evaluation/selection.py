"""How a floor's one strength is chosen: by cross-validation on training rows, groups kept whole."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress

FOLDS = 5


def folds(labels: np.ndarray, groups: Sequence[Any] | np.ndarray | None, seed: int) -> list[tuple[np.ndarray, ...]]:
    """Masks [N] of the rows kept and held out in each fold; a fold that keeps fewer than two classes is not used."""
    group = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    fold = np.random.default_rng(seed).permutation(group.max() + 1)[group] % FOLDS
    splits = [(fold != number, fold == number) for number in range(FOLDS)]
    return [(kept, held) for kept, held in splits if held.any() and len(np.unique(labels[kept])) > 1]


def best(
    make: Callable[[float], Any],
    strengths: Sequence[float],
    inputs: Any,
    labels: np.ndarray,
    folds: list[tuple[np.ndarray, ...]],
    progress: Progress,
    name: str,
) -> float:
    """The strength with most right answers on the rows held out, the first of those that tie.

    `make` returns an unfitted model of scikit-learn; `progress` is given what is to be fitted, and `name`.
    """
    right = dict.fromkeys(strengths, 0)
    for strength, (kept, held) in progress(
        [(strength, fold) for strength in strengths for fold in folds], name, "fits"
    ):
        predicted = make(strength).fit(inputs[kept], labels[kept]).predict(inputs[held])
        right[strength] += int((predicted == labels[held]).sum())
    return max(strengths, key=lambda strength: right[strength])
