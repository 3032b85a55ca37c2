"""A text goes on, the face for training: a causal net and what follows each token."""

from typing import Any

from torch import Tensor, nn

from chainrule.evaluation.shown import Passages
from chainrule.training.bodies.causal_text import Model, decoding, dynamic_shapes, example, parity_shapes
from chainrule.training.bodies.text import padding
from chainrule.training.objectives.shared import restored
from chainrule.training.objectives.shared import samples as shown
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import continuation
from chainrule.training.targets.continuation import calibrate

__all__ = [
    "build",
    "calibrate",
    "decoding",
    "dynamic_shapes",
    "example",
    "objective",
    "padding",
    "parity_shapes",
    "samples",
]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Model:
    """Return the model for a net and the facts of its inputs."""
    return Model(net, facts)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the cost of its rows."""
    return Supervised(model, continuation.loss(target, encoded, smoothing=label_smoothing, **loss))


def samples(model: Model, inputs: Any, facts: dict[str, Any], seed: int) -> Passages:
    """Return what a trained model says after the beginnings of some test rows, for its report."""
    batch = restored.some(inputs, model, seed)
    return shown.samples(model.following, batch, facts, "test", seed)
