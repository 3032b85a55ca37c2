"""A text that goes on: a model learns what each token costs to tell, given those before it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

Facts = Mapping[str, Any]
DECIDES = "loss"
"""Which number of validation rows says which epoch is best: the least of it."""


def loss(
    target: Facts, encoded: Tensor, *, smoothing: float, name: str
) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Return the mean cost of the tokens that are told, in nats (Radford et al. 2018, GPT, section 3.1).

    smoothing: has no say, a model of a language is measured by the chances that it gives.
    """
    return lambda outputs, _: outputs["nats"].sum() / outputs["told"].sum().clamp(min=1)


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return nothing: the loss of validation rows, which every training knows, decides."""
    return {}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change nothing: the chances stay those that were learnt."""
    return dict(target), {}
