"""Floors of a number per row: the mean and the median of the training rows, and a linear model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.selection import best, folds, threads

FEW_ROWS = 10_000
"""With more rows than this, one fold held out says enough about a strength."""


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
    """Return by name the "value" [N_test] of each floor; mean and median of the training rows are the first.

    kind: the module of `evaluation.floors` for the inputs; train, test: their decoded values, by input field; target:
    [N_train]; groups: [N_train], whole in the cross-validation on the training rows that chooses a strength by absolute
    error. All training rows are fitted; where too few can be held out, the most cautious strength stays. Raises
    ValueError on inputs that do not fit together.
    """
    if len(train[0]) != len(target) or not len(target):
        raise ValueError(f"{len(train[0])} training rows and {len(target)} numbers")
    numbers = np.asarray(target, dtype=np.float64)
    rows = len(test[0])
    found = {"mean": np.full(rows, numbers.mean()), "median": np.full(rows, np.median(numbers))}
    seen, asked = kind.features(train, test)
    chosen_on = folds(numbers, groups, seed)
    if len(numbers) > FEW_ROWS:
        chosen_on = chosen_on[:1]
    with threads(seen):
        for name, family in kind.regressors().items():
            strength = best(family, seen, numbers, chosen_on, progress, _closeness)
            found[name] = family.make(strength).fit(seen, numbers).predict(asked)
    return {name: {"value": value} for name, value in found.items()}


def _closeness(model: Any, inputs: Any, target: np.ndarray) -> float:
    return -float(np.abs(model.predict(inputs) - target).sum())
