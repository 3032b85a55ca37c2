"""A vector for every token and nothing else: what word vectors are learnt in, and a text as the mean of its words."""

import torch
from torch import nn


class Vectors(nn.Module):
    """The states of a text are the vectors of its tokens."""

    gains_from_bf16 = False

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        nn.init.uniform_(self.tokens.weight, -0.5 / width, 0.5 / width)  # as in word2vec's program
        self.out_features = width

    @property
    def embeddings(self) -> torch.Tensor:
        """The input embedding [vocabulary, width]."""
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States [B, T, width] of `input_ids` int64 [B, T]; `attention_mask` int64 [B, T] is 1 at real tokens.

        At padded positions they are zero.
        """
        states: torch.Tensor = self.tokens(input_ids) * attention_mask.unsqueeze(-1).to(self.tokens.weight.dtype)
        return states


def build(vocabulary: int, pad_id: int, *, width: int) -> Vectors:
    """Build vectors of `width` features for every token."""
    return Vectors(vocabulary, width)
