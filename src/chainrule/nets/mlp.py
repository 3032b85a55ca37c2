"""A multi-layer perceptron over embeddings of a table's columns; without layers and embeddings, a perceptron.

Rosenblatt 1958, https://doi.org/10.1037/h0042519; embeddings of numbers as in `nets.shared.columns`.
"""

import itertools
from collections.abc import Sequence

from torch import nn

from chainrule.nets.shared.columns import Columns, OverColumns


class MLP(OverColumns):
    """`layers` times a linear map, ReLU and dropout, over the columns of a row."""

    def __init__(self, columns: Columns, layers: int, width: int, dropout: float) -> None:
        sizes = [columns.out_features, *[width] * layers]
        super().__init__(columns, (nn.Linear(*pair) for pair in itertools.pairwise(sizes)), sizes[-1], dropout)


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
