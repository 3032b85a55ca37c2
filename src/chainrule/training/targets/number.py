"""A number per row: the model answers in the unit of the data, and learns in standard deviations.

Beside the number are the ends of an interval that holds the true one for SHARE of rows like those of validation: split
conformal prediction (Papadopoulos et al. 2002, https://doi.org/10.1007/3-540-36755-1_29; Lei et al. 2018,
https://doi.org/10.1080/01621459.2017.1307116, algorithm 2).
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Facts = Mapping[str, Any]
DECIDES = "loss"
"""Which number of validation rows says which epoch is best: the least of it."""
SHARE = 0.9


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a row: one."""
    return 1


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model.

    mean and std of the training rows, and half the width of an interval, until `calibrate` finds it 0.
    """
    known = {"target_mean": torch.tensor(target["mean"]), "target_std": torch.tensor(target["std"])}
    return {name: number.float() for name, number in known.items()} | {"half_width": torch.zeros(())}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return value, low and high [B], in the unit of the data, of the head's scores [B, 1]."""
    # In bf16 a number such as 50,000 is known to hundreds.
    value = scores[:, 0].float() * constants["target_std"] + constants["target_mean"]
    return {"value": value, "low": value - constants["half_width"], "high": value + constants["half_width"]}


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


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return nothing: the loss of validation rows, which every training knows, decides."""
    return {}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the half width of the model's intervals by its errors on validation rows; return facts and what was found."""
    found = half_width(np.abs(outputs["value"] - encoded), SHARE)
    model.get_buffer("half_width").fill_(found)
    return dict(target), {"half_width": round(found, 6)}


def half_width(errors: np.ndarray, share: float) -> float:
    """Return what at most 1 - share of further rows exceed, by absolute errors [N] of rows that no weight was set by.

    The ceil((N + 1) · share)-th smallest; the largest where there are too few rows for that.
    """
    place = min(math.ceil((len(errors) + 1) * share), len(errors))
    return float(np.partition(errors, place - 1)[place - 1])
