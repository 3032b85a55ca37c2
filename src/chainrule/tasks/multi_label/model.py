"""A set of labels per image or text, the face for training."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system import plugins
from chainrule.training.heads import HeadedModel
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import labels
from chainrule.training.targets.labels import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> HeadedModel:
    """Return the model for a net, the facts of its inputs and of its target."""
    model: HeadedModel = _body(facts).Model(net, labels, facts, target)
    return model


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, labels.loss(target, encoded, smoothing=label_smoothing, **loss))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, **shape: int) -> dict[str, Tensor]:
    """Return random inputs of the model."""
    inputs: dict[str, Tensor] = _body(facts).example(facts, batch, generator, **shape)
    return inputs


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with the model."""
    shapes: list[dict[str, int]] = _body(facts).parity_shapes(facts)
    return shapes


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    axes: dict[str, dict[int, str]] = _body(facts).dynamic_shapes(facts)
    return axes


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input."""
    filling: dict[str, int] = _body(facts).padding(facts)
    return filling


def _body(facts: dict[str, Any]) -> Any:
    """Return the body for inputs of these facts: those of images have channels, those of texts a vocabulary."""
    return plugins.load("training.bodies", "image" if "channels" in facts else "text")
