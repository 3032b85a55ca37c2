"""One label per row: calibrated logits, cross-entropy, a temperature from validation rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.calibration import fit_temperature

Facts = Mapping[str, Any]


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one per class."""
    return len(target["classes"])


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model."""
    return {"temperature": torch.ones(())}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [B, C], calibrated, of the head's scores [B, C]."""
    return {"logits": scores / constants["temperature"]}


def loss(outputs: Mapping[str, Tensor], target: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy of logits [B, C] and classes int64 [B].

    smoothing: share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567, section 7).
    """
    return nn.functional.cross_entropy(outputs["logits"], target, label_smoothing=smoothing)


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the model's temperature by what it says of validation rows; return the target's facts and what was found."""
    temperature = fit_temperature(outputs["logits"], encoded)
    model.get_buffer("temperature").fill_(temperature)
    return dict(target), {"temperature": round(temperature, 6)}
