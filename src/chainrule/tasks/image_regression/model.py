"""One number per image, the face for training."""

from typing import Any

from torch import nn

from chainrule.training.bodies import image
from chainrule.training.bodies.image import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import number
from chainrule.training.targets.number import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> image.Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return image.Model(net, number, facts, target)


def objective(model: nn.Module, label_smoothing: float) -> Supervised:
    """Return what the model is fine-tuned for; a number has no classes to smooth over."""
    return Supervised(model, number.loss(float(model.get_buffer("target_std"))))
