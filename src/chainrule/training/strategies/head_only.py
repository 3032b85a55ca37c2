"""Only the head on top learns: a linear probe of what pretraining found.

It starts from random numbers and has no weights below it to spoil, so it learns `rate` times as fast as the whole model
would (a rate of ten times for a new layer is Girshick et al. 2014's, arXiv:1311.2524, section 2.3).
"""

from collections.abc import Sequence

from torch import nn

from chainrule.training.strategy import above


def learning(model: nn.Module, epoch: int) -> Sequence[nn.Module]:
    """Return what stands on the net, in every epoch."""
    return above(model)


def rates(model: nn.Module, *, rate: float) -> dict[nn.Parameter, float]:
    """Return the multiplier of the rate of everything that learns."""
    return {parameter: rate for module in above(model) for parameter in module.parameters()}
