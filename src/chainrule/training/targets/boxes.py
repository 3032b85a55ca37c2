"""Boxes: heat maps of centres, and the sides of what is there; focal loss, and generalised intersection over union.

What is learnt of a place follows TTFNet (Liu et al. 2020, "Training-time-friendly network for real-time object
detection", arXiv:1909.00700): a Gaussian as wide as the box lies over its centre, and every place under it learns the
sides. The heat map's loss is CornerNet's (Law & Deng 2018, arXiv:1808.01244, equation 1), that of sides GIoU
(Rezatofighi et al. 2019, arXiv:1902.09630).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.scores import boxes as scores
from chainrule.fields import suppression
from chainrule.nets.shared.detector import Dense

Facts = Mapping[str, Any]
DECIDES = "missing_precision"
"""Which number of validation rows says which epoch is best: the least of it."""
WIDTH = 0.54
"""Share of a box under its Gaussian, which ends at three standard deviations."""
END = math.exp(-4.5)
ALPHA, BETA = 2, 4
"""How much less a place counts that is told well, and one that is near a centre."""
_LEAST = 1e-6
OVERLAPS = (0.4, 0.5, 0.6, 0.7)
"""What is tried on validation rows."""


class Loss(nn.Module):
    """What the heat map and the sides of `Dense` miss of boxes float [B, M, 6], per box."""

    def __init__(self, sides: float) -> None:
        """Take how often the loss of sides counts beside that of centres."""
        super().__init__()
        self.sides = sides

    def forward(self, dense: Dense, target: Tensor) -> Tensor:
        """Return the loss []."""
        learnt = (target[..., 4] >= 0) & (target[..., 5] == 0)
        number = learnt.sum().clamp(min=1)
        gaussians = _gaussians(target, dense.heat.shape[2:]) * learnt[..., None, None]
        centres = _centre_loss(dense.heat.float(), target, gaussians, learnt) / number
        return centres + self.sides * _side_loss(dense.boxes, target, gaussians) / number


def _gaussians(target: Tensor, shape: torch.Size) -> Tensor:
    """Return the Gaussian of each box over the places of a map, [B, M, h, w]: 1 at the place where its centre lies."""
    found = torch.ones(())
    for axis, size in ((1, shape[0]), (0, shape[1])):
        low, high = target[..., axis] * size, target[..., axis + 2] * size
        middle = ((low + high) / 2).floor().clamp(0, size - 1)
        deviation = (WIDTH * (high - low)).clamp(min=1) / 6
        off = torch.arange(size, device=target.device) - middle[..., None]
        along = (-((off / deviation[..., None]) ** 2) / 2).exp()
        found = found * (along[..., :, None] if axis else along[..., None, :])
    return found


def _centre_loss(heat: Tensor, target: Tensor, gaussians: Tensor, learnt: Tensor) -> Tensor:
    """Return the focal loss of heat maps, summed; in a box that is marked nothing is said in vain."""
    label = target[..., 4].long().clamp(min=0)
    true = torch.zeros_like(heat)
    for at in range(target.shape[1]):  # of several boxes of a class the nearest counts
        rows = learnt[:, at].nonzero().flatten()
        own = label[rows, at]
        true[rows, own] = torch.maximum(true[rows, own], gaussians[rows, at])
    chance = heat.sigmoid()
    centre = true == 1
    found = torch.where(centre, (1 - chance) ** ALPHA * nn.functional.softplus(-heat), 0.0)
    free = ~_marked(target, heat.shape[2:])[:, None]
    vain = torch.where(centre, 0.0, (1 - true) ** BETA * chance**ALPHA * nn.functional.softplus(heat))
    return found.sum() + (vain * free).sum()


def _marked(target: Tensor, shape: torch.Size) -> Tensor:
    """Return which places of a map lie in a box that is marked, bool [B, h, w]."""
    down, across = (
        ((torch.arange(size, device=target.device) + 0.5) / size).view(view)
        for size, view in zip(shape, ((-1, 1), (1, -1)), strict=True)
    )
    left, top, right, bottom = (target[..., side, None, None] for side in range(4))
    inside = (across >= left) & (across < right) & (down >= top) & (down < bottom)
    marked = (target[..., 4] >= 0) & (target[..., 5] > 0)
    return (inside & marked[..., None, None]).any(dim=1)


def _side_loss(boxes: Tensor, target: Tensor, gaussians: Tensor) -> Tensor:
    """Return 1 less GIoU of what places under Gaussians say, weighed by these to 1 for each box, summed over boxes."""
    if not target.shape[1]:
        return boxes.sum() * 0
    area = (target[..., 2:4] - target[..., :2]).prod(dim=-1)
    under = gaussians > END
    # Of several boxes over a place the smallest, which would otherwise have none.
    own = torch.where(under, area[..., None, None], torch.inf).argmin(dim=1, keepdim=True)
    mine = torch.zeros_like(under).scatter_(1, own, True) & under
    weights = torch.where(mine, gaussians, 0.0)
    weights = weights / weights.sum(dim=(2, 3), keepdim=True).clamp(min=_LEAST)
    row, box, down, across = mine.nonzero(as_tuple=True)
    said, true = boxes[row, :, down, across].float(), target[row, box, :4]
    return (weights[row, box, down, across] * (1 - _giou(said, true))).sum()


def _giou(ones: Tensor, others: Tensor) -> Tensor:
    """Return generalised intersection over union [N] of boxes [N, 4] in pairs."""
    common = (torch.minimum(ones[:, 2:], others[:, 2:]) - torch.maximum(ones[:, :2], others[:, :2])).clamp(min=0)
    around = torch.maximum(ones[:, 2:], others[:, 2:]) - torch.minimum(ones[:, :2], others[:, :2])
    both, hull = common.prod(dim=1), around.prod(dim=1).clamp(min=_LEAST)
    union = sum((each[:, 2:] - each[:, :2]).prod(dim=1) for each in (ones, others)) - both
    return both / union.clamp(min=_LEAST) - (hull - union) / hull


def loss(target: Facts, encoded: Tensor, *, smoothing: float, name: str, sides: float) -> Loss:
    """Return the loss for the target's facts, of `training.targets.catalogue`; a heat map has nothing to smooth."""
    return Loss(sides)


class Learning(nn.Module):
    """A model that is asked what it says at every place, and the loss of that."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        """Take a model with `dense`, which its loss is of, and `chosen`, what it answers of that."""
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss (a scalar, mean over the boxes of the batch), the model's outputs and count [] of examples."""
        names: tuple[str, ...] = self.model.inputs  # type: ignore[assignment]
        dense = self.model.dense(**{name: batch[name] for name in names})  # type: ignore[operator]
        target = batch["target"]
        outputs = self.model.chosen(dense)  # type: ignore[operator]
        return {"loss": self.loss(dense, target), "outputs": outputs, "count": torch.tensor(len(target))}


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return by how much mean average precision on validation rows is less than 1."""
    facts = {"classes": [str(place) for place in range(outputs["scores"].shape[2])]}
    found = _precision(outputs, encoded, facts)
    return {DECIDES: 1 - found if math.isfinite(found) else math.inf}


def _precision(outputs: Mapping[str, np.ndarray], encoded: np.ndarray, facts: Facts) -> float:
    sums = np.asarray(scores.statistics(outputs, encoded, facts).sum(axis=0)).ravel()
    return float(scores.metrics(sums, facts)[scores.PRIMARY.name])


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts with two lines that validation rows draw, and these.

    overlap: by how much boxes of a class may lie over each other, of OVERLAPS that with the best mean average
    precision. threshold: from which score on a box is shown, that with the best F1 at an overlap of a half.
    """
    tried = {line: _precision(outputs, encoded, {**target, "overlap": line}) for line in OVERLAPS}
    best = max(OVERLAPS, key=lambda line: (tried[line], -abs(line - suppression.OVERLAP)))
    lines = {"overlap": best, "threshold": _threshold(outputs, encoded, {**target, "overlap": best})}
    return {**target, **lines}, lines


def _threshold(outputs: Mapping[str, np.ndarray], encoded: np.ndarray, facts: Facts) -> float:
    """Return the score from which on boxes have the best F1, halfway to the next below."""
    every = suppression.said(outputs, facts)
    true = [own[own[:, 4] >= 0] for own in np.asarray(encoded)]
    hits, sure = [], []
    for own, boxes in zip(every, true, strict=True):
        found, marked = scores.taken(own, boxes)
        hits.append(found[~marked[:, 0], 0])
        sure.append(own.scores[~marked[:, 0]])
    hit, score = np.concatenate(hits), np.concatenate(sure)
    wanted = sum(int((boxes[:, 5] == 0).sum()) for boxes in true)
    if not hit.any():
        return suppression.THRESHOLD
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(hit[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + wanted)
    at = int(f1.argmax())
    below = score[order[at + 1]] if at + 1 < len(order) else suppression.LOWEST
    return round(float(score[order[at]] + below) / 2, 4)
