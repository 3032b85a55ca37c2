"""How a floor's one strength is chosen: by cross-validation on training rows, groups kept whole."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import Progress

FOLDS = 5
MANY = 100_000
Fold = tuple[np.ndarray, ...]


class Family(NamedTuple):
    """Simple models that differ in one strength."""

    title: str
    make: Callable[[float], Any]
    """From a strength to an unfitted model of scikit-learn."""
    strengths: tuple[float, ...]
    """From the most cautious: a tie goes to the first."""


def folds(target: np.ndarray, groups: Sequence[Any] | np.ndarray | None, seed: int) -> list[Fold]:
    """Masks [N] of the rows kept and held out in each fold; a fold that keeps fewer than two answers is not used."""
    group = np.arange(len(target)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    fold = np.random.default_rng(seed).permutation(group.max() + 1)[group] % FOLDS
    splits = [(fold != number, fold == number) for number in range(FOLDS)]
    return [(kept, held) for kept, held in splits if held.any() and len(np.unique(target[kept], axis=0)) > 1]


def best(
    family: Family,
    inputs: Any,
    target: np.ndarray,
    folds: list[Fold],
    progress: Progress,
    points: Callable[[Any, Any, np.ndarray], float],
) -> float:
    """The strength with most points on the rows held out, the first of those that tie.

    points: of a fitted model on inputs and their target; `progress` is given what is to be fitted.
    """
    found = dict.fromkeys(family.strengths, 0.0)
    fits = [(strength, fold) for strength in family.strengths for fold in folds]
    for strength, (kept, held) in progress(fits, family.title, "fits"):
        model = family.make(strength).fit(inputs[kept], target[kept])
        found[strength] += points(model, inputs[held], target[held])
    return max(family.strengths, key=lambda strength: found[strength])


def threads(inputs: Any) -> AbstractContextManager[Any]:
    """Return what to fit in: one thread for sparse products and for trees, where more would only wait for one another.

    Trees are those of tables that are no arrays, up to MANY rows.
    """
    from scipy.sparse import issparse
    from threadpoolctl import threadpool_limits

    alone = issparse(inputs) or (not isinstance(inputs, np.ndarray) and inputs.shape[0] < MANY)
    return threadpool_limits(1) if alone else nullcontext()
