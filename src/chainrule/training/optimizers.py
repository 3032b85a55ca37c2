"""Optimizers by name."""

import torch
from torch import nn

from chainrule.training.strategy import Rates


def make_optimizer(
    model: nn.Module, name: str, learning_rate: float, weight_decay: float, rates: Rates | None = None
) -> torch.optim.Optimizer:
    """Return AdamW, or SGD with Nesterov momentum, over all weights; norms and biases do not decay.

    rates: multipliers of the learning rate; each group has its own under "multiplier". Weights that do not learn yet
    are in it, too: without a gradient they are passed over, and their moments begin with their first.
    """
    rates = rates or {}
    weights = list(model.parameters())
    groups = []
    for multiplier in dict.fromkeys(rates.get(weight, 1.0) for weight in weights):
        alike = [weight for weight in weights if rates.get(weight, 1.0) == multiplier]
        for decay, matrices in ((weight_decay, True), (0.0, False)):
            params = [weight for weight in alike if (weight.ndim > 1) == matrices]
            groups.append({"params": params, "weight_decay": decay, "multiplier": multiplier})
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)
