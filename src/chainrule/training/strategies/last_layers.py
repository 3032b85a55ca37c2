"""The head and the last layers of the net learn: lower layers, which know what is general, stay as they are."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from chainrule.system.errors import ParamsError
from chainrule.training.strategy import above
from chainrule.training.strategy import layers as layers_of


def prepare(model: nn.Module, given: Any, *, layers: int) -> None:
    """Refuse to count more layers than the net has."""
    found = len(layers_of(model.get_submodule("net")))
    if layers > found:
        raise ParamsError(f"finetune.strategy.layers: {layers}, but the net has {found}; take fewer, or strategy full")


def learning(model: nn.Module, epoch: int, *, layers: int) -> Sequence[nn.Module]:
    """Return the head and the last layers of the net, in every epoch."""
    last = layers_of(model.get_submodule("net"))[-layers:]
    return [*above(model), *(module for layer in last for module in layer)]
