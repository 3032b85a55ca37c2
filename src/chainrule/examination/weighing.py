"""Rows of a fine-tuned model explained, by every method, and by a model whose weights were shuffled."""

import copy
from collections.abc import Mapping
from time import process_time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from chainrule.evaluation.explanation import gradients
from chainrule.evaluation.explanation import integrated_gradients as integrated
from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.methods import METHODS, weigh
from chainrule.system import plugins

if TYPE_CHECKING:
    from torch import nn

GRADIENTS = "integrated_gradients"
TITLES = {GRADIENTS: integrated.TITLE, **{name: method.TITLE for name, method in METHODS.items()}}
_TOGETHER = 64  # rows of one run


class Explained(NamedTuple):
    """What a method says of a row.

    weights: float64 [P], of its parts. deviation: from adding up, as a share (`divided.deviation`). places: what each
    place of the inputs adds, in the shape of `Parts.owner`, of integrated gradients; steps: how many these took.
    """

    weights: np.ndarray
    deviation: float
    places: np.ndarray | None = None
    steps: int = 0


def explained(
    model: "nn.Module",
    card: Mapping[str, Any],
    inputs: Arrays,
    parts: Parts,
    place: int,
    settings: Any,
    seed: int,
    spent: dict[str, float],
) -> dict[str, Explained]:
    """Return what each method says of a row, by name in the order of TITLES; adds what it took to `spent`.

    card: with modality and target; inputs: [1, …] by name; place: which of the target's answers is explained; settings:
    the block `evaluate.examine`; spent: CPU-seconds by method.
    """
    target = plugins.load("evaluation.explanation.targets", card["target"])
    way = plugins.load("evaluation.explanation.paths", card["modality"])

    def value(masks: np.ndarray) -> np.ndarray:
        told = [
            target.score(_outputs(model, parts.hidden(masks[start : start + _TOGETHER])), place)
            for start in range(0, len(masks), _TOGETHER)
        ]
        return np.concatenate(told)

    found = {}
    began = process_time()
    run, start, end = way.ends(model, inputs, parts)
    added = integrated.attribute(gradients.scored(run, target, place), start, end, settings.explain_steps)
    places = way.placed(model, added.attributions)
    real = parts.owner >= 0
    weights = np.bincount(parts.owner[real], places[real], len(parts.about))
    found[GRADIENTS] = Explained(weights, added.deviation, places, added.steps)
    spent[GRADIENTS] = spent.get(GRADIENTS, 0.0) + process_time() - began
    for name in METHODS:
        began = process_time()
        found[name] = Explained(*weigh(name, value, len(parts.about), settings.explain_runs, seed))
        spent[name] = spent.get(name, 0.0) + process_time() - began
    return found


def shuffled(model: "nn.Module", seed: int) -> "nn.Module":
    """Return a model whose weights have changed places within each of its tensors: what it learnt is gone.

    The check of Adebayo et al. 2018, https://arxiv.org/abs/1810.03292, section 4: an explanation that is the same for
    such a model explains the row and not the model.
    """
    generator = torch.Generator().manual_seed(seed)
    found = copy.deepcopy(model)
    with torch.no_grad():
        counts = getattr(found, "counted", None)  # learnt, too, if by no gradient
        for weights in [*found.parameters(), *([] if counts is None else [counts.ratios])]:
            order = torch.randperm(weights.numel(), generator=generator)
            weights.copy_(weights.flatten()[order].view_as(weights))
    return found.eval()


def rank_correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return Spearman's rank correlation of two maps; 0 where one is the same everywhere.

    Places that are 0 in both are left out: what holds the usual value weighs nothing whatever was learnt.
    """
    from scipy.stats import rankdata

    there = (ours != 0) | (theirs != 0)
    ranks = [rankdata(each[there]) for each in (ours, theirs)]
    if not there.any() or any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _outputs(model: "nn.Module", inputs: Arrays) -> dict[str, np.ndarray]:
    with torch.no_grad():
        told = model(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in inputs.items()})
    return {name: tensor.float().numpy() for name, tensor in told.items()}
