"""Texts of any length in memory, each as its windows of tokens: batches of them, and a net run over every window."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.fields.windows import COLUMNS, Folded

# As of texts that are no windows (`training.inputs.text`).
POOL_BATCHES = 50
PAD_MULTIPLE = 8


class Windows:
    """Token ids of all windows end to end, int32, with targets [N, …] (or none), as the training loop takes them."""

    def __init__(
        self, rows: Sequence[Folded], target: Tensor | None, facts: dict[str, Any], *, drop: float = 0.0
    ) -> None:
        """Keep each row's windows and how a training batch is distorted: drop is the share of tokens made unknown."""
        flat = [ids for row in rows for ids in row.ids]
        self.lengths = torch.tensor([len(ids) for ids in flat])
        """Tokens of each window."""
        self.starts = _starts(self.lengths)
        self.windows = torch.tensor([len(row.ids) for row in rows])
        """Windows of each row."""
        self.first = _starts(self.windows)
        self.flat = torch.tensor([token for ids in flat for token in ids], dtype=torch.int32)
        places = [own for row in rows for own in row.places]
        self.places = torch.from_numpy(np.concatenate(places)) if places else torch.empty(0, COLUMNS)
        self.ends = torch.tensor([len(row.characters) for row in rows])
        """Characters of each row."""
        self.begins = _starts(self.ends)
        self.text = torch.from_numpy(np.concatenate([row.characters for row in rows] or [np.empty(0, np.int32)]))
        self.tokens = torch.tensor([sum(map(len, row.ids)) for row in rows])
        """Tokens of each row, those in two windows twice."""
        self.target, self.pad_id, self.unknown_id, self.drop = target, facts["pad_id"], facts["unknown_id"], drop
        self.max_length, self.cut = facts["max_length"], sum(row.cut for row in rows)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.windows)

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, of similar size each; shuffled by the generator."""
        if generator is None:
            return list(torch.split(self.tokens.argsort(stable=True), batch_size))
        batches: list[Tensor] = []
        for pool in torch.split(torch.randperm(len(self), generator=generator), batch_size * POOL_BATCHES):
            batches += torch.split(pool[self.tokens[pool].argsort(stable=True)], batch_size)
        return [batches[position] for position in torch.randperm(len(batches), generator=generator).tolist()]

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return input_ids and attention_mask int64 [B, W, T], places int64 [B, W, T, COLUMNS] and target [B, …].

        Beside them characters, int64 [B, C], the code points of the texts, 0 behind their ends.
        W is the most windows of a row, T the longest window rounded up to eight, at most max_length. What fills up has
        the mask 0 and is nowhere.
        """
        own = torch.arange(int(self.windows[index].max()))
        there = own < self.windows[index][:, None]
        window = torch.where(there, self.first[index][:, None] + own, 0)
        lengths = torch.where(there, self.lengths[window], 0)
        longest = int(lengths.max())
        positions = torch.arange(min(longest + -longest % PAD_MULTIPLE, self.max_length))
        mask = positions < lengths[..., None]
        at = (self.starts[window][..., None] + positions).clamp(max=len(self.flat) - 1)
        ids = torch.where(mask, self.flat[at].long(), self.pad_id)
        places = torch.where(mask[..., None], self.places[at].long(), 0)
        if generator is not None and self.drop:
            # The first and the last token mark the ends of a window and stay.
            inner = (positions > 0) & (positions < lengths[..., None] - 1)
            ids = torch.where(inner & (torch.rand(ids.shape, generator=generator) < self.drop), self.unknown_id, ids)
        batch = {"input_ids": ids, "attention_mask": mask.long(), "places": places, "characters": self._written(index)}
        return batch if self.target is None else batch | {"target": self.target[index]}

    def _written(self, index: Tensor) -> Tensor:
        """Return the code points of rows, int64 [B, C]."""
        positions = torch.arange(int(self.ends[index].max()))
        at = (self.begins[index][:, None] + positions).clamp(max=max(0, len(self.text) - 1))
        return torch.where(positions < self.ends[index][:, None], self.text[at].long(), 0)

    def apart(self) -> list[list[int]]:
        """Return the token ids of every window, for what learns from windows alone."""
        return [ids.tolist() for ids in torch.split(self.flat, self.lengths.tolist())]


def over(net: nn.Module, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return a net's states [B·W, T, D] of ids and mask [B, W, T], and the mask [B·W, T] that it saw.

    A window that only fills a row up is one whose first token is there: attention over nothing has no answer.
    """
    ids, mask = input_ids.flatten(0, 1), attention_mask.flatten(0, 1)
    seen = torch.cat([torch.ones_like(mask[:, :1]), mask[:, 1:]], dim=1)
    return net(ids, seen), seen


def pooled(
    net: nn.Module, pool: Callable[[Tensor, Tensor], Tensor], input_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return the features [B, D] of rows in windows, [B, W, T]: the mean over windows, by how many tokens each has.

    pool: features of a net's states and mask, of one window each.
    """
    states, seen = over(net, input_ids, attention_mask)
    features = pool(states, seen).reshape(input_ids.shape[0], input_ids.shape[1], -1)
    weights = attention_mask.sum(dim=2).unsqueeze(-1).to(features.dtype)
    return (features * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _starts(sizes: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)[:-1]])
