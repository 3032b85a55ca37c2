"""Lower layers, which know what is general, learn more slowly (Howard & Ruder 2018, arXiv:1801.06146, section 3.2).

The head learns at the rate of the schedule, the last layer of the net at `decay` times that, the one before at `decay`
squared, and so on; what stands beside all layers learns as the first does.
"""

from torch import nn

from chainrule.training.strategy import layers


def rates(model: nn.Module, *, decay: float) -> dict[nn.Parameter, float]:
    """Return the multiplier of each of the net's weights."""
    net = model.get_submodule("net")
    found = layers(net)
    multipliers = dict.fromkeys(net.parameters(), decay ** len(found))
    for depth, layer in enumerate(reversed(found), start=1):
        multipliers |= {parameter: decay**depth for module in layer for parameter in module.parameters()}
    return multipliers
