"""A bag of words and of pairs of neighbours: of every token the sum of its vector and of that of it and the next.

Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", https://arxiv.org/abs/1607.01759: pairs share
vectors by their hash. Beside the mean over a text its features have the largest of every number, so that one word that
says all is not lost in a long text.
"""

import torch
from torch import nn
from torch.nn import functional

_FACTOR = 1_000_003
_NOWHERE = -1e4
"""What stands for padding where the largest is sought: less than any state, and a number in half precision, too."""


class Bag(nn.Module):
    """Vectors of tokens and of pairs of them; the features of a text are their mean and their largest."""

    gains_from_bf16 = False

    def __init__(self, vocabulary: int, width: int, buckets: int, dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.pairs = nn.Embedding(buckets, width)
        for embedding in (self.tokens, self.pairs):
            nn.init.normal_(embedding.weight, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.buckets, self.out_features = buckets, 2 * width

    @property
    def embeddings(self) -> torch.Tensor:
        """The input embedding [vocabulary, width]."""
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States [B, T, out_features] of `input_ids` int64 [B, T]; `attention_mask` int64 [B, T] is 1 at real tokens.

        Both halves are the same; the second is what `pool` seeks the largest of. At padded positions they are zero.
        """
        real = attention_mask.unsqueeze(-1).to(self.tokens.weight.dtype)
        following = functional.pad(input_ids[:, 1:], (0, 1))
        both = real * functional.pad(real[:, 1:], (0, 0, 0, 1))
        pairs = self.pairs((input_ids * _FACTOR + following) % self.buckets)
        states = self.tokens(input_ids) * real + pairs * both
        return torch.cat([states, states], dim=-1)

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Features [B, out_features] of a row: the mean of its states, and the largest."""
        mean, largest = states.chunk(2, dim=-1)
        real = attention_mask.unsqueeze(-1)
        weights = real.to(states.dtype)
        mean = (mean * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        largest = largest.masked_fill(real == 0, _NOWHERE).amax(dim=1)
        features: torch.Tensor = self.dropout(torch.cat([mean, largest], dim=1))
        return features


def build(vocabulary: int, pad_id: int, *, width: int, buckets: int, dropout: float) -> Bag:
    """Build vectors of `width` features for every token, and `buckets` that the pairs share.

    `dropout` acts on the features of a text.
    """
    return Bag(vocabulary, width, buckets, dropout)
