"""One label per row: calibrated logits, cross-entropy or focal loss, a temperature from validation rows."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.calibration import fit_temperature

Facts = Mapping[str, Any]
DECIDES = "calibrated_loss"
"""Which number of validation rows says which epoch is best: the least of it."""


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one per class."""
    return len(target["classes"])


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model."""
    return {"temperature": torch.ones(())}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [B, C], calibrated, of the head's scores [B, C]."""
    return {"logits": scores / constants["temperature"]}


class Loss(nn.Module):
    """The mean over rows of the cross-entropy of logits [B, C] and classes int64 [B], or of what it becomes.

    In evaluation mode smoothing and gamma, which only shape the gradient, are left out; weights, which say what a
    mistake costs, stay.
    """

    weights: Tensor | None

    def __init__(self, *, smoothing: float = 0.0, gamma: float = 0.0, weights: Tensor | None = None) -> None:
        """Keep what shapes the loss.

        smoothing: share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567, section
        7). gamma: a class told with probability p counts (1 - p) ** gamma times (Lin et al. 2017, arXiv:1708.02002,
        equation 4). weights [C]: what a row counts, by its class; None: 1.
        """
        super().__init__()
        self.smoothing, self.gamma = smoothing, gamma
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss []."""
        logits = outputs["logits"]
        smoothing, gamma = (self.smoothing, self.gamma) if self.training else (0.0, 0.0)
        if gamma:
            losses = _focal(logits, target, smoothing, gamma)
        elif self.weights is None:
            return nn.functional.cross_entropy(logits, target, label_smoothing=smoothing)
        else:
            losses = nn.functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
        # Not a weighted mean of the batch: it would make a mistake cheap because a batch has many of its class.
        return (losses if self.weights is None else losses * self.weights[target]).mean()


def _focal(logits: Tensor, target: Tensor, smoothing: float, gamma: float) -> Tensor:
    """Return the focal loss [B] of the smoothed target."""
    logs = logits.log_softmax(dim=1)
    share = nn.functional.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    # A power below 1 has no gradient at 0.
    hardness = (-torch.expm1(logs)).clamp(min=1e-6) ** gamma
    return -(share * hardness * logs).sum(dim=1)


def loss(
    target: Facts, encoded: Tensor, *, smoothing: float, name: str, class_weights: str, gamma: float = 0.0
) -> Loss:
    """Return the loss for the target's facts and the training rows' targets [N], of `training.targets.catalogue`."""
    weights = balanced(encoded, width(target)) if class_weights == "balanced" else None
    return Loss(smoothing=smoothing, gamma=gamma, weights=weights)


def balanced(encoded: Tensor, classes: int) -> Tensor:
    """Return the weights [C] with which each class of targets int64 [N] weighs the same; their mean over rows is 1."""
    counts = torch.bincount(encoded, minlength=classes).clamp(min=1)
    return len(encoded) / (classes * counts)


def deciding(loss: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return the loss of validation rows once a net that is too sure of itself is made as modest as suits them best.

    As a net grows too sure of itself its loss rises while its answers still get better;
    the first is what `calibrate` puts right at the end. One that is not too sure has its loss as it is.
    """
    logits, target = outputs["logits"], torch.from_numpy(encoded)
    if not np.isfinite(logits).all():
        return {DECIDES: math.inf}
    temperature = max(1.0, fit_temperature(logits, encoded))
    return {DECIDES: float(loss({"logits": torch.from_numpy(logits) / temperature}, target))}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the model's temperature by what it says of validation rows; return the target's facts and what was found."""
    temperature = fit_temperature(outputs["logits"], encoded)
    model.get_buffer("temperature").fill_(temperature)
    return dict(target), {"temperature": round(temperature, 6)}
