"""TabM: many perceptrons in one, which share their weights but for a few scales each.

Gorishniy, Kotelnikov & Babenko 2025, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling",
https://arxiv.org/abs/2410.24210, section 3.3, after BatchEnsemble (Wen, Tran & Ba 2020,
https://arxiv.org/abs/2002.06715). Members are trained each by its own loss on the same rows, and asked together.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from chainrule.nets.shared.columns import Columns, OverColumns


class Shared(nn.Module):
    """A linear map that all members share: each scales what goes in and what comes out, and adds its own bias."""

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.scale_in = nn.Parameter(torch.ones(members, inputs))
        self.scale_out = nn.Parameter(torch.ones(members, outputs))
        # All members begin with one bias: what tells them apart is in the scales of the first layer.
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound).repeat(members, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features [B, members, outputs] of features [B, members or 1, inputs]."""
        return nn.functional.linear(features * self.scale_in, self.weight) * self.scale_out + self.bias


class TabM(OverColumns):
    """`layers` times a shared linear map, ReLU and dropout: of a row a vector for each of its members."""

    def __init__(self, columns: Columns, members: int, layers: int, width: int, dropout: float) -> None:
        sizes = [columns.out_features, *[width] * layers]
        shared = [Shared(*pair, members) for pair in itertools.pairwise(sizes)]
        super().__init__(columns, shared, sizes[-1], dropout)
        self.members = members
        # A member sees every column by a random scale of its own, the same for all features of the column.
        scales = torch.randn(members, len(columns.sizes)).repeat_interleave(torch.tensor(columns.sizes), dim=1)
        with torch.no_grad():
            shared[0].scale_in.copy_(scales)

    def begun(self, features: torch.Tensor) -> torch.Tensor:
        """Return [B, 1, F] of the columns' features [B, F]: what all members take."""
        return features.unsqueeze(1)


def build(
    edges: Sequence[Sequence[float]],
    gaps: int,
    categories: Sequence[int],
    texts: int,
    buckets: int,
    *,
    embedding: int | None,
    members: int,
    layers: int,
    width: int,
    dropout: float,
) -> TabM:
    """Build `members` perceptrons of `layers` hidden layers of `width` features over `embedding` of each column.

    embedding None: numbers as they are, categories one-hot.
    """
    return TabM(Columns(edges, gaps, categories, texts, buckets, embedding), members, layers, width, dropout)
