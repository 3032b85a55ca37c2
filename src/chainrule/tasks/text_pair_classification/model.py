"""One label per pair of texts, the face for training: both are read as one sequence, and compared word by word.

What tells pairs apart is often what only one side says. So the head is given, beside the mean state of each side, the
mean over those of its tokens that the other side does not have, and how many these are. The comparison of two sides
by difference and product is that of InferSent (Conneau et al. 2017, arXiv:1705.02364, section 3.1); that a token knows
whether it occurs on the other side, the exact match of DrQA (Chen et al. 2017, arXiv:1704.00051, section 3.2).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system.errors import DataError
from chainrule.training.bodies import text
from chainrule.training.bodies.text import dynamic_shapes, padding, parity_shapes
from chainrule.training.heads import HeadedModel
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import label
from chainrule.training.targets.label import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]


class Pair(HeadedModel):
    """An encoder that maps ids and mask [B, T] to states [B, T, D], and what compares the two sides of a sequence."""

    inputs = ("input_ids", "attention_mask")
    special_ids: Tensor

    def __init__(self, net: nn.Module, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take the token that ends each side from the facts of the inputs."""
        super().__init__(net, label, target)
        width = int(net.out_features)  # type: ignore[arg-type]
        self.register_buffer("special_ids", torch.tensor(facts["special_ids"]), persistent=False)
        self.end_id = end_id(facts)
        self.compare = nn.Sequential(nn.Linear(6 * width + 2, width), nn.GELU())

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name of input_ids and attention_mask, int64 [B, T]."""
        states: Tensor = self.net(input_ids, attention_mask)
        first, second = self.sides(input_ids, attention_mask)
        same = input_ids[:, :, None] == input_ids[:, None, :]
        features = []
        for side, other in ((first, second), (second, first)):
            alone = side & ~(same & other[:, None, :]).any(dim=2)
            share = alone.sum(dim=1, keepdim=True) / side.sum(dim=1, keepdim=True).clamp(min=1)
            features += [mean(states, side), mean(states, alone), share.to(states.dtype)]
        one, two = features[0], features[3]
        compared = self.compare(torch.cat([*features, (one - two).abs(), one * two], dim=1))
        return self.answer(compared)

    def sides(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return which tokens are of the first and of the second text, bool [B, T]; their ends are of neither."""
        ends = ids == self.end_id
        # Some tokenizers put two ends between the texts: they count as one.
        ended = (ends & ~nn.functional.pad(ends[:, :-1], (1, 0))).cumsum(dim=1)
        words = mask.bool() & ~torch.eq(ids[:, :, None], self.special_ids).any(dim=2)
        return words & (ended == 0), words & (ended == 1)


def end_id(facts: Mapping[str, Any]) -> int:
    """Return the token that ends each text of a sequence; DataError where a base's tokenizer has none."""
    if facts["end_id"] is None:
        raise DataError("the base's tokenizer puts no token between two texts; take another base for pairs")
    return int(facts["end_id"])


def mean(states: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean [B, D] of states [B, T, D] where `chosen`, bool [B, T]; zero where none is."""
    weights = chosen.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Pair:
    """Return the model for a net, the facts of its inputs and of its target."""
    return Pair(net, facts, target)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16) -> dict[str, Tensor]:
    """Return random inputs of a model: ids and mask, int64 [batch, length], as of pairs, the first row padded."""
    inputs = text.example(facts, batch, generator, length)
    ids, half = inputs["input_ids"], inputs["input_ids"].shape[1] // 2
    ids[0, half // 2] = ids[1:, half] = ids[0, half - 1] = ids[1:, -1] = end_id(facts)
    return inputs


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the targets of its rows."""
    return Supervised(model, label.loss(target, encoded, smoothing=label_smoothing, **loss))
