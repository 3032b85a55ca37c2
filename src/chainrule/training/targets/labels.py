"""A set of labels per row: a logit for each class, cross-entropy or focal loss, thresholds from validation rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation import thresholds
from chainrule.evaluation.scores.labels import probabilities

Facts = Mapping[str, Any]
DECIDES = "loss"
"""Which number of validation rows says which epoch is best: the least of it."""


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one per class."""
    return len(target["classes"])


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights: nothing, thresholds are among the target's facts."""
    return {}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [B, C], whose sigmoids are the probabilities of each class, of the head's scores [B, C]."""
    return {"logits": scores}


class Loss(nn.Module):
    """The mean over rows and classes of the binary cross-entropy of logits [B, C] and target float [B, C] of 0 and 1.

    In evaluation mode smoothing and gamma, which only shape the gradient, are left out; weights, which say what a
    mistake costs, stay.
    """

    weights: Tensor | None

    def __init__(self, *, smoothing: float = 0.0, gamma: float = 0.0, weights: Tensor | None = None) -> None:
        """Keep what shapes the loss.

        smoothing: share by which every target is moved towards one half. gamma: an answer told with probability p
        counts (1 - p) ** gamma times (Lin et al. 2017, arXiv:1708.02002, equation 4). weights [2, C]: what a row
        counts that lacks a class, and one that has it; None: 1.
        """
        super().__init__()
        self.smoothing, self.gamma = smoothing, gamma
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss []."""
        logits = outputs["logits"]
        smoothing, gamma = (self.smoothing, self.gamma) if self.training else (0.0, 0.0)
        smooth = target * (1 - smoothing) + smoothing / 2
        weights = None if self.weights is None else torch.where(target > 0, self.weights[1], self.weights[0])
        if not gamma:
            return nn.functional.binary_cross_entropy_with_logits(logits, smooth, weights)
        logsigmoid = nn.functional.logsigmoid
        # A power below 1 has no gradient at 0.
        yes, no = (torch.sigmoid(each).clamp(min=1e-6) ** gamma for each in (logits, -logits))
        losses = -(smooth * no * logsigmoid(logits) + (1 - smooth) * yes * logsigmoid(-logits))
        return (losses if weights is None else losses * weights).mean()


def loss(
    target: Facts, encoded: Tensor, *, smoothing: float, name: str, class_weights: str, gamma: float = 0.0
) -> Loss:
    """Return the loss for the training rows' targets [N, C], of `training.targets.catalogue`."""
    weights = balanced(encoded) if class_weights == "balanced" else None
    return Loss(smoothing=smoothing, gamma=gamma, weights=weights)


def balanced(encoded: Tensor) -> Tensor:
    """Return the weights [2, C] with which rows that lack a class and rows that have it weigh the same in all.

    encoded: [N, C] of 0 and 1. The mean over rows is 1 for each class.
    """
    have = encoded.sum(dim=0)
    return len(encoded) / (2 * torch.stack([len(encoded) - have, have]).clamp(min=1))


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return nothing: the loss of validation rows, which every training knows, decides."""
    return {}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts with the threshold of each class that is best on validation rows; nothing to report."""
    return {**target, "thresholds": thresholds.fit(probabilities(outputs), encoded)}, {}
