"""A number per row: the model answers in the unit of the data, and learns in standard deviations."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Facts = Mapping[str, Any]


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one."""
    return 1


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model: mean and std of the training rows."""
    return {"target_mean": torch.tensor(target["mean"]).float(), "target_std": torch.tensor(target["std"]).float()}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return value [B], in the unit of the data, of the head's scores [B, 1]."""
    # In bf16 a number such as 50,000 is known to hundreds.
    return {"value": scores[:, 0].float() * constants["target_std"] + constants["target_mean"]}


def loss(
    target: Facts, encoded: Tensor, *, smoothing: float, name: str, delta: float = 1.0
) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Return the mean of the error in standard deviations of the training rows: its square, its size, or Huber's loss.

    name: mse, mae, or huber (1964, doi:10.1214/aoms/1177703732), under which a row that is far off pulls no harder
    than one that is off by `delta`. A number has no classes to smooth over.
    """
    # As wide as the buffer of the model that holds it.
    std = float(torch.tensor(target["std"]).float())
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "mse": nn.functional.mse_loss,
        "mae": nn.functional.l1_loss,
        "huber": partial(nn.functional.huber_loss, delta=delta),
    }
    return lambda outputs, true: losses[name](outputs["value"] / std, true / std)


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts as they are: an answer that is a number has no probability to calibrate."""
    return dict(target), {}
