"""Every weight learns, at the rate of the schedule."""

from torch import nn


def learning(model: nn.Module, epoch: int) -> list[nn.Module]:
    """Return the whole model, in every epoch."""
    return [model]
