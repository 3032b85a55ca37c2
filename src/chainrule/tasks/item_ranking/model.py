"""The order in which a user would choose items, the face for training."""

from typing import Any

from torch import Tensor, nn

from chainrule.training.bodies import interaction
from chainrule.training.bodies.interaction import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.targets import click
from chainrule.training.targets.click import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> interaction.Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return interaction.Model(net, click, facts, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> click.Ranking:
    """Return what the model is fine-tuned for: that a user's own items come before others."""
    return click.Ranking(model, **loss)
