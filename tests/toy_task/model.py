"""Stars of a text, the face for training: the mean absolute error is learnt."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from chainrule.training.bodies import text
from chainrule.training.bodies.text import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import number
from chainrule.training.targets.number import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> text.Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return text.Model(net, number, facts, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for."""
    return Supervised(model, absolute_error)


def absolute_error(outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
    """Return the mean absolute error of value [B], in stars."""
    return nn.functional.l1_loss(outputs["value"], target)
