"""Floors of one label per row: guessing the commonest class, and the simple models of the inputs' kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.selection import best, folds, threads


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
    """Return by name the probabilities float64 [N_test, classes] of each floor; majority_class is the first.

    kind: the module of `evaluation.floors` for the inputs; train, test: their decoded values, by input field; target:
    int in 0..classes-1; groups: [N_train], whole in the cross-validation on the training rows that chooses each
    strength by accuracy. All training rows are fitted; where too few can be held out, the most cautious strength stays.
    A class without training rows gets probability 0. Raises ValueError on inputs that do not fit together.
    """
    if len(train[0]) != len(target) or not len(target):
        raise ValueError(f"{len(train[0])} training rows and {len(target)} labels")
    classes = len(facts["classes"])
    families = kind.classifiers()
    frequencies = np.bincount(target, minlength=classes) / len(target)
    found = {"majority_class": np.tile(frequencies, (len(test[0]), 1))}
    if np.count_nonzero(frequencies) < 2:
        # One class in training: every model says just that.
        found |= dict.fromkeys(families, found["majority_class"])
    else:
        seen, asked = kind.features(train, test)
        chosen_on = folds(target, groups, seed)
        if kind.FEW_ROWS is not None and len(target) > kind.FEW_ROWS:
            chosen_on = chosen_on[:1]
        with threads(seen):
            for name, family in families.items():
                strength = best(family, seen, target, chosen_on, progress, _right)
                model = family.make(strength).fit(seen, target)
                found[name] = np.zeros((len(test[0]), classes))
                found[name][:, model.classes_] = _normalised(model.predict_proba(asked))
    return {name: {"probabilities": probabilities} for name, probabilities in found.items()}


def _right(model: Any, inputs: Any, target: np.ndarray) -> float:
    return float((model.predict(inputs) == target).sum())


def _normalised(probabilities: np.ndarray) -> np.ndarray:
    """Rows of float32 probabilities summing to 1 in float64."""
    if probabilities.dtype == np.float64:
        return probabilities
    exact = probabilities.astype(np.float64)
    return np.asarray(exact / exact.sum(axis=1, keepdims=True))
