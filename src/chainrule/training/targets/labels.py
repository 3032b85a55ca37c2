"""A set of labels per row: a logit for each class, cross-entropy of each, thresholds from validation rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from chainrule.evaluation import thresholds
from chainrule.evaluation.scores.labels import probabilities

Facts = Mapping[str, Any]


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one per class."""
    return len(target["classes"])


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights: nothing, thresholds are among the target's facts."""
    return {}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [B, C], whose sigmoids are the probabilities of each class, of the head's scores [B, C]."""
    return {"logits": scores}


def loss(outputs: Mapping[str, Tensor], target: Tensor, smoothing: float) -> Tensor:
    """Return the mean binary cross-entropy over rows and classes of logits [B, C] and target float [B, C] of 0 and 1.

    smoothing: share by which every target is moved towards one half.
    """
    smooth = target * (1 - smoothing) + smoothing / 2
    return nn.functional.binary_cross_entropy_with_logits(outputs["logits"], smooth)


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts with the threshold of each class that is best on validation rows; nothing to report."""
    return {**target, "thresholds": thresholds.fit(probabilities(outputs), encoded)}, {}
