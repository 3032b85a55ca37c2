"""Token ids in: the mean over a net's states, or what the net says its features of a text are."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.fields.windows import SHAPES
from chainrule.system.errors import ParamsError
from chainrule.training import counted
from chainrule.training import windows as of_windows
from chainrule.training.heads import HeadedModel

WINDOWED = 3
"""Axes of ids in windows."""


class Model(HeadedModel):
    """A net that maps ids and mask [B, T] to states [B, T, out_features], with its pooling and its head.

    A net whose states are not to be averaged has `pool(states, attention_mask)` → features [B, out_features].
    """

    inputs = ("input_ids", "attention_mask")

    def __init__(
        self,
        net: nn.Module,
        kind: Any,
        facts: Mapping[str, Any],
        target: Mapping[str, Any],
    ) -> None:
        """Take the vocabulary from the facts of the inputs where the target's say that there are counts beside."""
        if getattr(net, "writes", False):
            raise ParamsError("net: it writes texts, and here something is told of them; take an encoder such as BERT")
        super().__init__(net, kind, target)
        self._pool = getattr(net, "pool", mean)
        self.counted = counted.of_facts(facts, target, kind.width(target))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name of input_ids and attention_mask, int64 [B, T], or [B, W, T] in windows."""
        outputs = self._of_net(input_ids, attention_mask)
        if self.counted is None:
            return outputs
        return {**outputs, "logits": outputs["logits"] + self.counted(input_ids, attention_mask)}

    def _of_net(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        if input_ids.dim() == WINDOWED:
            return self.answer(of_windows.pooled(self.net, self._pool, input_ids, attention_mask))
        states: Tensor = self.net(input_ids, attention_mask)
        return self.answer(self._pool(states, attention_mask))


def mean(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean [B, D] of states [B, T, D] over the real tokens, at which the mask, int64 [B, T], is 1."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def example(
    facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16, windows: int = 2
) -> dict[str, Tensor]:
    """Return random inputs of a model: input_ids and attention_mask, int64 [batch, length], the first row padded.

    A length beyond max_length is cut to it. With windows both are [batch, windows, length], of which the first row has
    but one.
    """
    length = min(length, facts["max_length"])
    shape = (batch, windows, length) if facts.get("windows") else (batch, length)
    ids = torch.randint(0, facts["vocabulary"], shape, generator=generator)
    mask = torch.ones_like(ids)
    mask[0, ..., length // 2 :] = 0
    if facts.get("windows"):
        mask[0, 1:] = 0
    return {"input_ids": ids.where(mask.bool(), facts["pad_id"]), "attention_mask": mask}


def example_places(attention_mask: Tensor) -> Tensor:
    """Return places int64 [B, W, T, COLUMNS], beside a mask [B, W, T] of `example`, as of words of a letter each."""
    at = attention_mask.flatten(1).cumsum(dim=1).view_as(attention_mask) * attention_mask
    return torch.stack([at - attention_mask, at, attention_mask, SHAPES.index("lower") * attention_mask], dim=-1)


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model: three batch sizes at two lengths.

    With windows, of one and of several.
    """
    lengths = sorted({min(11, facts["max_length"]), facts["max_length"]})
    if facts.get("windows"):
        counts = sorted({1, min(3, facts["windows"]["most"])})
        return [
            {"batch": batch, "length": length, "windows": count}
            for batch in (1, 3)
            for length in lengths
            for count in counts
        ]
    return [{"batch": batch, "length": length} for batch in (1, 3, 8) for length in lengths]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    axes = {0: "batch", 1: "windows", 2: "sequence"} if facts.get("windows") else {0: "batch", 1: "sequence"}
    return dict.fromkeys(Model.inputs, axes)


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: tokens that the mask leaves out."""
    return {"input_ids": facts["pad_id"], "attention_mask": 0}
