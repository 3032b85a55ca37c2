"""A multi-layer perceptron over embeddings of a table's columns; without layers and embeddings, a perceptron.

Rosenblatt 1958, https://doi.org/10.1037/h0042519; embeddings of numbers as in `nets.shared.columns`.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from chainrule.nets.shared.columns import Columns


class MLP(nn.Module):
    """`layers` times a linear map, ReLU and dropout, over the columns of a row."""

    gains_from_bf16 = False

    def __init__(self, columns: Columns, layers: int, width: int, dropout: float) -> None:
        super().__init__()
        self.columns = columns
        sizes = [columns.out_features, *[width] * layers]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.out_features = sizes[-1]

    def forward(
        self,
        numbers: torch.Tensor | None = None,
        gaps: torch.Tensor | None = None,
        categories: torch.Tensor | None = None,
        words: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Features [B, out_features] of the columns of rows, as `Columns` takes them."""
        features: torch.Tensor = self.columns(numbers, gaps, categories, words)
        for layer in self.layers:
            features = self.dropout(torch.relu(layer(features)))
        return features


def build(
    edges: Sequence[Sequence[float]],
    gaps: int,
    categories: Sequence[int],
    texts: int,
    buckets: int,
    *,
    embedding: int | None,
    layers: int,
    width: int,
    dropout: float,
) -> MLP:
    """Build `layers` hidden layers of `width` features over `embedding` features of each column.

    embedding None: numbers as they are, categories one-hot. With no layer either the model is linear: a perceptron.
    """
    return MLP(Columns(edges, gaps, categories, texts, buckets, embedding), layers, width, dropout)
