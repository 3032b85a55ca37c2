"""A rating per pair of user and item: the model answers on the scale, and learns in standard deviations.

Beside it are the ends of an interval that holds the true one for SHARE of pairs like those of validation, as of a
number (`training.targets.number`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from chainrule.training.targets import number
from chainrule.training.targets.number import DECIDES, calibrate, deciding, loss

__all__ = ["DECIDES", "answer", "calibrate", "constants", "deciding", "loss"]
BOUNDS = ("lowest", "highest")


def constants(target: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights: mean and std of ratings, the scale's ends, half_width."""
    ends = {f"target_{name}": torch.tensor(target[name]).float() for name in BOUNDS}
    return {**number.constants(target), **ends}


def answer(scores: Tensor, constants: Mapping[str, Tensor], *, bounded: bool) -> dict[str, Tensor]:
    """Return value, low and high, on the scale, of scores of any shape.

    bounded: whether no answer leaves the scale; in training one that does must be told so by its gradient.
    """
    value = scores.float() * constants["target_std"] + constants["target_mean"]
    low, high = value - constants["half_width"], value + constants["half_width"]
    found = {"value": value, "low": low, "high": high}
    if not bounded:
        return found
    least, most = (constants[f"target_{name}"] for name in BOUNDS)
    return {name: torch.minimum(torch.maximum(own, least), most) for name, own in found.items()}
