"""One text per text, the face for training: a net that reads and writes."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.bodies import text
from chainrule.training.bodies.text import padding, parity_shapes
from chainrule.training.targets.wording import calibrate
from chainrule.training.written import Writer, Writing

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Writer:
    """Return the model for a net, the facts of its inputs and of its target."""
    return Writer(net, facts, target)


def objective(
    model: Writer, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Writing:
    """Return what the model is fine-tuned for: to tell every token of what is to be written."""
    return Writing(model, label_smoothing)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16) -> dict[str, Tensor]:
    """Return random inputs of the model: ids and mask, int64 [batch, length], the first row padded."""
    return text.example(facts, batch, generator, length)


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {name: {0: "batch", 1: "source"} for name in Writer.inputs}
