"""Rows of a table that nobody is."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def kinds(batch: Mapping[str, Tensor], facts: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """Return foreign rows by what they are, inputs by name each, made of a batch: each input [B, columns, ...]."""
    made = {"each cell of another row": {name: _mixed(cells, generator) for name, cells in batch.items()}}
    numbers = {name: cells for name, cells in batch.items() if cells.is_floating_point() and cells.numel()}
    if numbers:
        made["numbers ten times as large"] = {**batch, **{name: cells * 10 for name, cells in numbers.items()}}
    return made


def _mixed(cells: Tensor, generator: torch.Generator) -> Tensor:
    """Return cells [B, columns, ...], each column in an order of rows drawn for it."""
    order = torch.rand(cells.shape[:2], generator=generator).argsort(dim=0)
    return cells.gather(0, order.view(*order.shape, *[1] * (cells.dim() - 2)).expand_as(cells))
