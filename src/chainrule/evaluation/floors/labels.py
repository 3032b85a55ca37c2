"""Floors of a set of labels per row: how often each occurs, and a linear model per label."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import thresholds
from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs, value
from chainrule.evaluation.scores import labels
from chainrule.evaluation.selection import Family, Fold, folds, threads

FEW_ROWS = 10_000
"""With more rows than this, one fold held out says enough about strength and thresholds: every label is a model."""


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
    """Return by name what each floor says: "probabilities" [N_test, C] and which are "chosen"; class_frequencies first.

    kind: the module of `evaluation.floors` for the inputs; train, test: their decoded values, by input field; target:
    [N_train, C] of 0 and 1; groups: [N_train], whole in the cross-validation on the training rows that chooses
    strength and thresholds by macro F1. All training rows are fitted; where too few can be held out, the most cautious
    strength stays, with thresholds of one half. Raises ValueError on inputs that do not fit together.
    """
    if len(train[0]) != len(target) or not len(target):
        raise ValueError(f"{len(train[0])} training rows and {len(target)} sets of labels")
    true = np.asarray(target) > 0.5
    frequencies = np.tile(true.mean(axis=0), (len(test[0]), 1))
    # Of rows that are all alike, F1 is best where each is given every label that occurs.
    found: dict[str, Outputs] = {"class_frequencies": {"probabilities": frequencies, "chosen": frequencies > 0}}
    seen, asked = kind.features(train, test)
    chosen_on = folds(true, groups, seed)
    if len(true) > FEW_ROWS:
        chosen_on = chosen_on[:1]
    with threads(seen), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label that all or no rows of a fold have
        for name, family in kind.one_vs_rest().items():
            strength, limits = _best(family, seen, true, facts, chosen_on, progress)
            probabilities = family.make(strength).fit(seen, true.astype(int)).predict_proba(asked)
            found[name] = {"probabilities": probabilities, "chosen": probabilities >= limits}
    return found


def _best(
    family: Family, inputs: Any, true: np.ndarray, facts: Facts, folds: list[Fold], progress: Progress
) -> tuple[float, np.ndarray]:
    """Return the strength, and its thresholds [C], that have the highest macro F1 on the rows held out."""
    if not folds:
        return family.strengths[0], np.full(true.shape[1], 0.5)
    held_out = np.concatenate([np.flatnonzero(held) for _, held in folds])
    said: dict[float, list[np.ndarray]] = {strength: [] for strength in family.strengths}
    fits = [(strength, fold) for strength in family.strengths for fold in folds]
    for strength, (kept, held) in progress(fits, family.title, "fits"):
        model = family.make(strength).fit(inputs[kept], true[kept].astype(int))
        said[strength].append(model.predict_proba(inputs[held]))

    def points(strength: float) -> float:
        told = {**facts, "thresholds": limits[strength]}
        found = value(labels, {"probabilities": np.concatenate(said[strength])}, true[held_out], told)
        return -1.0 if np.isnan(found) else found

    limits = {strength: thresholds.fit(np.concatenate(parts), true[held_out]) for strength, parts in said.items()}
    chosen = max(family.strengths, key=points)
    return chosen, np.asarray(limits[chosen])
