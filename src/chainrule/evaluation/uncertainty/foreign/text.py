"""Texts that say nothing."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def kinds(batch: Mapping[str, Tensor], facts: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """Return foreign texts by what they are, inputs by name each, made of a batch.

    Its input_ids and attention_mask are int64 [B, T], in windows [B, W, T]; what frames a text stays where it is.
    """
    ids, mask = batch["input_ids"], batch["attention_mask"]
    special = torch.tensor(sorted({*facts["special_ids"], facts["pad_id"]}))
    words = mask.bool() & ~torch.isin(ids, special)
    known = torch.arange(facts["vocabulary"])
    known = known[~torch.isin(known, special)]
    drawn = known[torch.randint(0, len(known), ids.shape, generator=generator)]
    return {
        "words at random": {**batch, "input_ids": torch.where(words, drawn, ids)},
        "words in another order": {**batch, "input_ids": _in_another_order(ids, words, generator)},
    }


def _in_another_order(ids: Tensor, words: Tensor, generator: torch.Generator) -> Tensor:
    """Return ids [..., T] with those at `words` in an order drawn for each row, or window."""
    drawn = torch.rand(ids.shape, generator=generator)
    # Both orders list the places of words first: as they stand, and as they are drawn.
    places = torch.arange(ids.shape[-1]).expand_as(ids)
    stand = torch.where(words, places, ids.shape[-1] + places).argsort(dim=-1)
    mixed = torch.where(words, drawn, 2 + places.float()).argsort(dim=-1)
    return torch.empty_like(ids).scatter_(-1, stand, ids.gather(-1, mixed))
