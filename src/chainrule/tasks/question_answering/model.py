"""Question answering, the face for training: a net reads question and passage as one, window by window.

Each token of the passage is told how likely an answer begins and ends there (Devlin et al. 2019, arXiv:1810.04805,
section 4.2). What places the tokens in the passage goes through the graph unchanged, so that its outputs alone say the
answer, wherever they are read.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.fields.answer import NONE
from chainrule.training import windows
from chainrule.training.bodies import text
from chainrule.training.heads import HeadedModel
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import answer
from chainrule.training.targets.answer import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


class Reader(HeadedModel):
    """An encoder that maps ids and mask [B, T] to states [B, T, D], and a head on every state."""

    inputs = ("input_ids", "attention_mask", "places", "characters")

    def __init__(self, net: nn.Module, target: Mapping[str, Any]) -> None:
        """Put the head on a net with `out_features`."""
        super().__init__(net, answer, target)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, places: Tensor, characters: Tensor
    ) -> dict[str, Tensor]:
        """Return the outputs that `fields.answer` describes.

        input_ids, attention_mask: int64 [B, W, T]; places: int64 [B, W, T, COLUMNS] of the tokens in the passage (see
        `fields.windows`); characters: int64 [B, C], its code points.
        """
        states, _ = windows.over(self.net, input_ids, attention_mask)
        found = self.answer(states.view(*input_ids.shape, -1))
        first = torch.zeros_like(attention_mask)
        first[..., 0] = attention_mask[..., 0]
        offsets = torch.where(first[..., None] == 1, NONE, places[..., :2])
        return {**found, "offsets": offsets, "passage": characters + 0}


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Reader:
    """Return the model for a net, the facts of its inputs and of its target."""
    return Reader(net, target)


def example(
    facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16, windows: int = 2
) -> dict[str, Tensor]:
    """Return random inputs of a model for passages of a letter a word, int64; the first row is padded."""
    inputs = text.example(facts, batch, generator, length, windows)
    mask = inputs["attention_mask"]
    letters = torch.randint(97, 123, (batch, mask[0].numel()), generator=generator)
    return {**inputs, "places": text.example_places(mask), "characters": letters}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model."""
    return text.parity_shapes(facts)


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    axes = text.dynamic_shapes(facts)
    return {**axes, "places": axes["input_ids"], "characters": {0: "batch", 1: "characters"}}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input."""
    return {**text.padding(facts), "places": 0, "characters": 0}


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, answer.loss(target, encoded, smoothing=label_smoothing, **loss))
