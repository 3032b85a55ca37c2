"""What causal nets keep of the tokens that they have read, so that a further one costs one step."""

from typing import NamedTuple

import torch

Layer = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of a layer, each [B, heads, tokens, width of a head]."""


class CacheShape(NamedTuple):
    """How many layers keep keys and values, of how many heads, and how wide a head is."""

    layers: int
    heads: int
    width: int
