"""One label of several models: the weighted mean of their probabilities, at a temperature of its own.

The mean of models that are calibrated is too modest (Wu and Gales 2021, arXiv:2101.05397), so it is calibrated again on
validation rows. The answer is logits whose softmax are the probabilities; what all logits of a row share, on which no
probability depends, is chosen so that the energy of a row is the members' mean.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.ensembles import mixture
from chainrule.evaluation.calibration import fit_temperature
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.label import probabilities
from chainrule.evaluation.uncertainty.out_of_distribution import energy

if TYPE_CHECKING:
    import onnx

OUTPUTS = ("logits",)


def weights(members: Sequence[Outputs], target: np.ndarray) -> np.ndarray:
    """Return the weights [K] under which the mean has the least log-loss; logits [N, C] of each, target int [N]."""
    rows = np.arange(len(target))
    return mixture.weights(np.stack([probabilities(each)[rows, target] for each in members], axis=1))


def constants(members: Sequence[Outputs], weighs: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return what the mean needs beside the weights, by rows that set none of the members' own."""
    return {"temperature": fit_temperature(_pooled(members, weighs), target)}


def answers(members: Sequence[Outputs], weighs: np.ndarray, known: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the answers float64 of the ensemble, by name, to the rows that members answered."""
    scaled = _pooled(members, weighs) / known["temperature"]
    mean = sum(weight * energy(each["logits"]) for weight, each in zip(weighs, members, strict=True))
    return {"logits": scaled + energy(scaled)[:, None] - np.asarray(mean)[:, None]}


def _pooled(members: Sequence[Outputs], weighs: np.ndarray) -> np.ndarray:
    """Return the logarithms [N, C] of the weighted mean of the members' probabilities."""
    counted = [(each["logits"], np.log(weight)) for each, weight in zip(members, weighs, strict=True) if weight > 0]
    shifted = np.stack([logits + energy(logits)[:, None] + share for logits, share in counted])
    most = shifted.max(axis=0)
    return np.asarray(most + np.log(np.exp(shifted - most).sum(axis=0)))


def told(facts: Facts, outputs: Outputs, target: np.ndarray) -> Facts:
    """Return the target's facts of an ensemble, those of a member otherwise: the same."""
    return facts


def nodes(prefixes: Sequence[str], weighs: np.ndarray, known: dict[str, float]) -> "list[onnx.NodeProto]":
    """Return the nodes that make `logits` of each `<prefix>logits`."""
    from onnx import helper

    constant = mixture.constant
    made = [
        constant("classes", np.array([1])),
        constant("members", np.array([0])),
        constant("temperature", float(known["temperature"])),
    ]
    for prefix, weight in zip(prefixes, weighs, strict=True):
        made += [
            constant(f"{prefix}weight", float(weight)),
            constant(f"{prefix}share", float(np.log(weight))),
            helper.make_node("LogSoftmax", [f"{prefix}logits"], [f"{prefix}logs"], axis=1),
            helper.make_node("Add", [f"{prefix}logs", f"{prefix}share"], [f"{prefix}shifted"]),
            helper.make_node("Unsqueeze", [f"{prefix}shifted", "members"], [f"{prefix}one"]),
            helper.make_node("ReduceLogSumExp", [f"{prefix}logits", "classes"], [f"{prefix}total"], keepdims=1),
            helper.make_node("Mul", [f"{prefix}total", f"{prefix}weight"], [f"{prefix}part"]),
        ]
    return [
        *made,
        helper.make_node("Concat", [f"{prefix}one" for prefix in prefixes], ["all"], axis=0),
        helper.make_node("ReduceLogSumExp", ["all", "members"], ["pooled"], keepdims=0),
        helper.make_node("Div", ["pooled", "temperature"], ["scaled"]),
        helper.make_node("LogSoftmax", ["scaled"], ["normal"], axis=1),
        helper.make_node("Sum", [f"{prefix}part" for prefix in prefixes], ["mean"]),
        helper.make_node("Add", ["normal", "mean"], ["logits"]),
    ]
