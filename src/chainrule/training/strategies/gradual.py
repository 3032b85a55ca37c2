"""Gradual unfreezing (Howard & Ruder 2018, ULMFiT, arXiv:1801.06146, section 3.3): from the top, more in every epoch.

The head learns first, then with it the last layer of the net, then the one before; nothing of what was learnt before is
forgotten at once.
"""

from collections.abc import Sequence

from torch import nn

from chainrule.training.strategy import above, layers


def learning(model: nn.Module, epoch: int, *, per_epoch: int) -> Sequence[nn.Module]:
    """Return the head and the topmost layers of the net, `per_epoch` more after every epoch; at the end the model."""
    net = layers(model.get_submodule("net"))
    thawed = epoch * per_epoch
    if thawed >= len(net):
        return [model]  # what stands beside all layers, too
    return [*above(model), *(module for layer in net[len(net) - thawed :] for module in layer)]
