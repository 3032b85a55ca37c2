"""An ensemble beside each of its members, on validation rows that did not choose what it is scored with."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import group_index
from chainrule.evaluation.paired import paired_comparison
from chainrule.evaluation.primary import Facts, Measure, Outputs

RESAMPLES = 1000
LEAST = 1e-3
"""A member that would weigh less is left out."""


def crossed(
    kind: ModuleType,
    measure: Any,
    members: Sequence[Outputs],
    target: np.ndarray,
    facts: Facts,
    joint: Facts,
    groups: np.ndarray,
    stacked: bool,
) -> dict[str, np.ndarray]:
    """Return the ensemble's answers to each half of the groups, by weights and constants of the other half.

    What it is exported with is of all rows; scored on the same ones it would look better than it is. facts: of a
    member's target; joint: of all that are compared (see `measure.aligned`). Rows of one group have no other half.
    """
    index, count = group_index(groups, len(target))
    halves = [index % 2 == half for half in range(2)] if count > 1 else [np.ones(len(target), bool)]
    parts = []
    for ours in halves:
        theirs = ~ours if count > 1 else ours
        known = fitted(kind, [_rows(each, theirs) for each in members], target[theirs], facts, stacked)
        said = kind.answers([_rows(each, ours) for each in members], known.weights, known.constants)
        parts.append((np.flatnonzero(ours), measure.aligned(said, known.facts, joint)))
    back = np.argsort(np.concatenate([places for places, _ in parts]))
    return {name: np.concatenate([said[name] for _, said in parts])[back] for name in parts[0][1]}


class Fitted(NamedTuple):
    """What rows told of an ensemble: weights [K], constants of its graph, facts of its target."""

    weights: np.ndarray
    constants: dict[str, float]
    facts: Facts


def fitted(kind: ModuleType, members: Sequence[Outputs], target: np.ndarray, facts: Facts, stacked: bool) -> Fitted:
    """Return what rows tell of an ensemble, by the answers of its members; facts: of a member's target."""
    weighs = weights(kind, members, target, stacked)
    known = kind.constants(members, weighs, target)
    return Fitted(weighs, known, kind.told(facts, kind.answers(members, weighs, known), target))


def _rows(outputs: Outputs, kept: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[kept] for name, array in outputs.items()}


def weights(kind: ModuleType, members: Sequence[Outputs], target: np.ndarray, stacked: bool) -> np.ndarray:
    """Return what each member weighs, [K] of sum 1: all the same, or what suits rows best, 0 for next to nothing."""
    if not stacked:
        return np.full(len(members), 1 / len(members))
    found = kind.weights(members, target)
    found = np.where(found < LEAST, 0, found)
    return np.asarray(found / found.sum())


def compared(
    measure: Measure,
    ensemble: Outputs,
    members: Mapping[str, Outputs],
    target: np.ndarray,
    facts: Facts,
    groups: np.ndarray,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Return, by member, the ensemble as its challenger (see `evaluation.paired`); plain data."""
    return {
        name: paired_comparison(measure, ensemble, said, target, facts, groups=groups, resamples=RESAMPLES, seed=seed)
        for name, said in members.items()
    }
