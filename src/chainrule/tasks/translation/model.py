"""One text per text, the face for training: a net that reads and writes."""

from typing import Any

from torch import Tensor, nn

from chainrule.training.bodies.text import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.targets.wording import calibrate
from chainrule.training.written import Rewriter, Writing, decoding, graphs

__all__ = [
    "build",
    "calibrate",
    "decoding",
    "dynamic_shapes",
    "example",
    "graphs",
    "objective",
    "padding",
    "parity_shapes",
]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Rewriter:
    """Return the model for a net, the facts of its inputs and of its target."""
    return Rewriter(net, facts, target)


def objective(
    model: Rewriter, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Writing:
    """Return what the model is fine-tuned for: to tell every token of what is to be written."""
    return Writing(model, label_smoothing)
