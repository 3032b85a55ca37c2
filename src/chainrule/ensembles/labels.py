"""A set of labels of several models: the weighted mean of each label's probabilities, with thresholds of their own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.ensembles import mixture
from chainrule.evaluation import thresholds
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.labels import probabilities

if TYPE_CHECKING:
    import onnx

OUTPUTS = ("logits",)


def weights(members: Sequence[Outputs], target: np.ndarray) -> np.ndarray:
    """Return the weights [K] under which the mean has the least log-loss; logits [N, C] of each, target [N, C]."""
    chances = [probabilities(each) for each in members]
    return mixture.weights(np.stack([np.where(target > 0.5, each, 1 - each).ravel() for each in chances], axis=1))


def constants(members: Sequence[Outputs], weighs: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return nothing that the graph needs beside the weights: thresholds are `told`."""
    return {}


def answers(members: Sequence[Outputs], weighs: np.ndarray, known: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the answers float64 of the ensemble, by name, to the rows that members answered."""
    yes, no = (_pooled(members, weighs, sign) for sign in (1, -1))
    return {"logits": yes - no}


def _pooled(members: Sequence[Outputs], weighs: np.ndarray, sign: int) -> np.ndarray:
    """Return the logarithms [N, C] of the weighted mean of probabilities: of a label, or with -1 of its absence."""
    counted = [(each["logits"], np.log(weight)) for each, weight in zip(members, weighs, strict=True) if weight > 0]
    parts = [share - np.logaddexp(0, -sign * np.asarray(logits, np.float64)) for logits, share in counted]
    return np.asarray(np.logaddexp.reduce(parts))


def told(facts: Facts, outputs: Outputs, target: np.ndarray) -> Facts:
    """Return the target's facts of an ensemble, those of a member otherwise: thresholds of its own."""
    return {**facts, "thresholds": thresholds.fit(probabilities(outputs), target)}


def nodes(prefixes: Sequence[str], weighs: np.ndarray, known: dict[str, float]) -> "list[onnx.NodeProto]":
    """Return the nodes that make `logits` of each `<prefix>logits`."""
    from onnx import helper

    made = [mixture.constant("members", np.array([0]))]
    for prefix, weight in zip(prefixes, weighs, strict=True):
        made += [
            mixture.constant(f"{prefix}share", float(np.log(weight))),
            helper.make_node("Neg", [f"{prefix}logits"], [f"{prefix}against"]),
        ]
        # The logarithm of a sigmoid is minus the softplus of minus its argument.
        for side, of in (("yes", "against"), ("no", "logits")):
            made += [
                helper.make_node("Softplus", [f"{prefix}{of}"], [f"{prefix}{side}_lost"]),
                helper.make_node("Sub", [f"{prefix}share", f"{prefix}{side}_lost"], [f"{prefix}{side}_shifted"]),
                helper.make_node("Unsqueeze", [f"{prefix}{side}_shifted", "members"], [f"{prefix}{side}"]),
            ]
    for side in ("yes", "no"):
        made += [
            helper.make_node("Concat", [f"{prefix}{side}" for prefix in prefixes], [f"all_{side}"], axis=0),
            helper.make_node("ReduceLogSumExp", [f"all_{side}", "members"], [f"pooled_{side}"], keepdims=0),
        ]
    return [*made, helper.make_node("Sub", ["pooled_yes", "pooled_no"], ["logits"])]
