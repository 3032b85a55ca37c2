"""A net for texts that sees of each token how it is written, whatever net it is: its ids say both.

The number of a shape is the higher part of an id, that of the token the lower. The net keeps its weights under their
names, so that bases and strategies find them; what a shape adds belongs to the model above.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Cased(nn.Embedding):
    """An input embedding of ids that say token and shape: the token's features and what its shape adds."""

    def __init__(self, tokens: nn.Embedding, shapes: nn.Embedding) -> None:
        """Take the weights of `tokens`; `shapes` are another module's, which learns and writes them."""
        count, width = tokens.weight.shape
        super().__init__(count, width, padding_idx=tokens.padding_idx, _weight=tokens.weight.detach())
        self.weight = tokens.weight
        self._shapes = [shapes]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Embedding names it so
        """Return the features [..., D] of ids int64 [...]."""
        (shapes,) = self._shapes
        token = torch.remainder(input, self.num_embeddings)
        shape = torch.div(input, self.num_embeddings, rounding_mode="floor")
        found: Tensor = super().forward(token) + shapes(shape)
        return found


def added(net: nn.Module, shapes: int) -> nn.Embedding:
    """Put a `Cased` in the place of a net's input embedding; return what its shapes add, nothing as yet."""
    name, tokens = _embedding(net)
    found = nn.Embedding(shapes, tokens.embedding_dim, padding_idx=0)
    nn.init.zeros_(found.weight)
    parent, _, last = name.rpartition(".")
    setattr(net.get_submodule(parent), last, Cased(tokens, found))
    return found


def joined(net: nn.Module, input_ids: Tensor, shapes: Tensor) -> Tensor:
    """Return ids that say both, int64 as input_ids and shapes are; shape 0 leaves an id as it is."""
    embeddings: Any = net.embeddings
    found: Tensor = input_ids + shapes * embeddings.shape[0]
    return found


def _embedding(net: nn.Module) -> tuple[str, nn.Embedding]:
    """Return the input embedding of a net, and its name."""
    weight: Any = net.embeddings
    return next(
        (name, module)
        for name, module in net.named_modules()
        if isinstance(module, nn.Embedding) and module.weight is weight
    )
