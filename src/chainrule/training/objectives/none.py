"""No pretraining: fine-tuning begins from random weights."""

from typing import Any

from torch import nn


def build(net: nn.Module, facts: dict[str, Any]) -> None:
    """Return None: there is nothing to train."""
