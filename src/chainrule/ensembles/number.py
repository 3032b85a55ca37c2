"""A number of several models: the weighted mean of theirs, with an interval of its own width."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.ensembles import mixture
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.uncertainty.conformal import threshold
from chainrule.evaluation.uncertainty.number import SHARE

if TYPE_CHECKING:
    import onnx

OUTPUTS = ("value", "low", "high")


def weights(members: Sequence[Outputs], target: np.ndarray) -> np.ndarray:
    """Return the weights [K], none negative, of sum 1, under which the mean has the least squared error on rows.

    members: value [N] of each; target [N]. Breiman 1996 (doi:10.1007/BF00117832): stacked regressions, there without
    the sum.
    """
    from scipy.optimize import nnls

    values = np.stack([np.asarray(each["value"], np.float64) for each in members], axis=1)
    # A row of its own asks that the weights sum to 1, and weighs more than all others.
    much = 1e4 * max(float(np.abs(values).max()), float(np.abs(target).max()), 1e-9) * np.sqrt(len(target))
    found, _ = nnls(np.vstack([values, np.full((1, len(members)), much)]), np.append(target, much))
    return np.asarray(found / found.sum())


def constants(members: Sequence[Outputs], weighs: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return half the width of the intervals, by rows that set none of the members' own weights."""
    errors = np.abs(_mean(members, weighs) - target)
    return {"half_width": min(threshold(errors, SHARE), float(errors.max()))}


def answers(members: Sequence[Outputs], weighs: np.ndarray, known: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the answers float64 of the ensemble, by name, to the rows that members answered."""
    value = _mean(members, weighs)
    return {"value": value, "low": value - known["half_width"], "high": value + known["half_width"]}


def _mean(members: Sequence[Outputs], weighs: np.ndarray) -> np.ndarray:
    return np.asarray(np.stack([np.asarray(each["value"], np.float64) for each in members], axis=1) @ weighs)


def told(facts: Facts, outputs: Outputs, target: np.ndarray) -> Facts:
    """Return the target's facts of an ensemble, those of a member otherwise: the same."""
    return facts


def nodes(prefixes: Sequence[str], weighs: np.ndarray, known: dict[str, float]) -> "list[onnx.NodeProto]":
    """Return the nodes that make `value`, `low` and `high` of each `<prefix>value`."""
    from onnx import helper

    constant = mixture.constant
    made = [constant("half_width", known["half_width"])]
    for prefix, weight in zip(prefixes, weighs, strict=True):
        made += [
            constant(f"{prefix}weight", float(weight)),
            helper.make_node("Mul", [f"{prefix}value", f"{prefix}weight"], [f"{prefix}part"]),
        ]
    return [
        *made,
        helper.make_node("Sum", [f"{prefix}part" for prefix in prefixes], ["value"]),
        helper.make_node("Sub", ["value", "half_width"], ["low"]),
        helper.make_node("Add", ["value", "half_width"], ["high"]),
    ]
