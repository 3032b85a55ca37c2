"""The rating that a user would give an item, the face for training."""

from typing import Any

from torch import Tensor, nn

from chainrule.training.bodies import interaction
from chainrule.training.bodies.interaction import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import rating
from chainrule.training.targets.rating import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> interaction.Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return interaction.Model(net, rating, facts, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, rating.loss(target, encoded, smoothing=label_smoothing, **loss))
