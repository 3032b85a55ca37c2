"""Spans of a text, the face for training: a tag for each token, from its state and from how it and its neighbours are
written.

A tokenizer that knows no upper case, or a base that has seen little of it, does not tell Brown from brown. So the net
sees with each token how it is written, as BERT's tokens have a position and a type added (Devlin et al. 2019,
arXiv:1810.04805, section 3); what is added is nothing at first, so that a training starts from the base's own states.
The head is given, beside a token's state, what a narrow convolution makes of the shapes of the tokens around it;
character features beside word states are those of Chiu and Nichols 2016 (https://aclanthology.org/Q16-1026, section
2.4).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.fields.windows import END, SHAPE, SHAPES
from chainrule.tasks.token_classification import cased
from chainrule.training import windows
from chainrule.training.bodies import text
from chainrule.training.bodies.text import parity_shapes
from chainrule.training.heads import HeadedModel
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import spans
from chainrule.training.targets.spans import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]

WRITTEN = 32
"""Features of how a token and its neighbours are written."""


class Tagger(HeadedModel):
    """An encoder that maps ids and mask [B, T] to states [B, T, D], and a tag for each token of each window."""

    inputs = ("input_ids", "attention_mask", "places")

    def __init__(self, net: nn.Module, target: Mapping[str, Any]) -> None:
        """Put the head on the states of a net with `out_features`, and on how tokens are written."""
        super().__init__(net, spans, target)
        width = int(net.out_features)  # type: ignore[arg-type]
        self.transitions = spans.Transitions(spans.width(target))
        self.cased = cased.added(net, len(SHAPES))
        self.shapes = nn.Embedding(len(SHAPES), WRITTEN, padding_idx=0)
        self.around = nn.Conv1d(WRITTEN, WRITTEN, kernel_size=5, padding=2)
        self.joined = nn.Linear(width + WRITTEN, width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> dict[str, Tensor]:
        """Return logits [B, W, L, K], 0 where no token of the text is, their offsets [B, W, L, 3], and transitions
        [B, K + 1, K], which are those of the model.

        input_ids and attention_mask int64 [B, W, L], places int64 [B, W, L, COLUMNS] (`fields.windows`).
        """
        both = cased.joined(self.net, input_ids, places[..., SHAPE])
        states, _ = windows.over(self.net, both, attention_mask)
        written = self.shapes(places[..., SHAPE].flatten(0, 1)).transpose(1, 2)
        written = nn.functional.gelu(self.around(written)).transpose(1, 2)
        features = nn.functional.gelu(self.joined(torch.cat([states, written.to(states.dtype)], dim=-1)))
        features = features.reshape(input_ids.shape[0], input_ids.shape[1], input_ids.shape[2], -1)
        (found,) = self.answer(features).values()
        there = places[..., END : END + 1] > 0
        follow = self.transitions(self.get_buffer("temperature"))
        return {
            "logits": torch.where(there, found, torch.zeros((), dtype=found.dtype)),
            "offsets": places[..., :SHAPE],
            "transitions": follow.expand(input_ids.shape[0], -1, -1),
        }


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Tagger:
    """Return the model for a net and the facts of its target."""
    return Tagger(net, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, spans.loss(target, encoded, smoothing=label_smoothing, **loss))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, **shape: int) -> dict[str, Tensor]:
    """Return random inputs of a model, as of words of a letter each, the first row filled up."""
    inputs = text.example(facts, batch, generator, **shape)
    return {**inputs, "places": text.example_places(inputs["attention_mask"])}


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    axes = text.dynamic_shapes(facts)
    return {**axes, "places": axes["input_ids"]}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: tokens that the mask leaves out, at no place."""
    return {**text.padding(facts), "places": 0}
