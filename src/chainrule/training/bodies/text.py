"""Token ids in: the mean over a net's states, or what the net says its features of a text are."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.heads import HeadedModel


class Model(HeadedModel):
    """A net that maps ids and mask [B, T] to states [B, T, out_features], with its pooling and its head.

    A net whose states are not to be averaged has `pool(states, attention_mask)` → features [B, out_features].
    """

    inputs = ("input_ids", "attention_mask")

    def __init__(
        self,
        net: nn.Module,
        kind: Any,
        facts: Mapping[str, Any],  # noqa: ARG002 - all bodies take the same arguments
        target: Mapping[str, Any],
    ) -> None:
        """Take nothing from the facts of the inputs."""
        super().__init__(net, kind, target)
        self._pool = getattr(net, "pool", mean)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name of input_ids and attention_mask, int64 [B, T]."""
        states: Tensor = self.net(input_ids, attention_mask)
        return self.answer(self._pool(states, attention_mask))


def mean(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean [B, D] of states [B, T, D] over the real tokens, at which the mask, int64 [B, T], is 1."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16) -> dict[str, Tensor]:
    """Return random inputs of a model: input_ids and attention_mask, int64 [batch, length], the first row padded.

    A length beyond max_length is cut to it.
    """
    length = min(length, facts["max_length"])
    ids = torch.randint(0, facts["vocabulary"], (batch, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[0, length // 2 :] = 0
    return {"input_ids": ids.where(mask.bool(), facts["pad_id"]), "attention_mask": mask}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model: three batch sizes at two lengths."""
    lengths = sorted({min(11, facts["max_length"]), facts["max_length"]})
    return [{"batch": batch, "length": length} for batch in (1, 3, 8) for length in lengths]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {name: {0: "batch", 1: "sequence"} for name in Model.inputs}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: tokens that the mask leaves out."""
    return {"input_ids": facts["pad_id"], "attention_mask": 0}
