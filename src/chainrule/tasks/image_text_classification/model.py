"""One label per image and text, the face for training."""

from typing import Any

from torch import Tensor, nn

from chainrule.training.bodies import image_text
from chainrule.training.bodies.image_text import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import label
from chainrule.training.targets.label import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> image_text.Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return image_text.Model(net, label, facts, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, label.loss(target, encoded, smoothing=label_smoothing, **loss))
