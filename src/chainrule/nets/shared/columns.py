"""The columns of a table as one vector of a row: what nets for tables begin with.

Numbers by pieces: Gorishniy, Rubachev & Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
https://arxiv.org/abs/2203.05556, section 3.2 (quantiles), as Q-LR.
"""

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import nn

WORDS = 16
"""Features of a text's words where nothing else is embedded."""


class Pieces(nn.Module):
    """Numbers [B, N] to features [B, N, embedding]: how much of each piece of its range a number has passed.

    Of a number x and a piece from a to b that is (x - a) / (b - a), no less than 0 and no more than 1. In the paper the
    outermost pieces go on beyond their ends; here a number beyond all that training has met counts as the outermost, as
    it does in trees.
    """

    starts: torch.Tensor
    rates: torch.Tensor

    def __init__(self, edges: Sequence[Sequence[float]], embedding: int) -> None:
        """Take the edges of the pieces of each number, at least two, rising."""
        super().__init__()
        most = max(map(len, edges)) - 1
        starts, rates = torch.zeros(len(edges), most), torch.zeros(len(edges), most)
        for number, own in enumerate(edges):
            for piece, (low, high) in enumerate(itertools.pairwise(own)):
                starts[number, piece], rates[number, piece] = low, 1 / (high - low)
        self.register_buffer("starts", starts)
        self.register_buffer("rates", rates)  # 0 for pieces that a number has not
        bound = most**-0.5
        self.weight = nn.Parameter(torch.empty(len(edges), most, embedding).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(len(edges), embedding).uniform_(-bound, bound))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the features."""
        passed = ((numbers.unsqueeze(-1) - self.starts) * self.rates).clamp(0, 1)
        features: torch.Tensor = (passed.transpose(0, 1) @ self.weight).transpose(0, 1)
        return torch.relu(features + self.bias)


class Categories(nn.Module):
    """Places of categories int64 [B, C] to features [B, C, embedding]; what is not known begins as zeros."""

    starts: torch.Tensor

    def __init__(self, sizes: Sequence[int], embedding: int) -> None:
        """Take how many places each column has, that of the unknown included."""
        super().__init__()
        starts = torch.tensor([0, *itertools.accumulate(sizes)])[:-1]
        self.register_buffer("starts", starts, persistent=False)
        self.table = nn.Embedding(sum(sizes), embedding)
        with torch.no_grad():
            self.table.weight.uniform_(-(embedding**-0.5), embedding**-0.5)[starts] = 0

    def forward(self, categories: torch.Tensor) -> torch.Tensor:
        """Return the features."""
        features: torch.Tensor = self.table(categories + self.starts)
        return features


class OneHot(nn.Module):
    """Places of categories int64 [B, C] to one feature for each that is known: 1 where it is the row's."""

    places: torch.Tensor
    columns: torch.Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        """Take how many places each column has, that of the unknown included, which has no feature."""
        super().__init__()
        pairs = [(column, place) for column, size in enumerate(sizes) for place in range(1, size)]
        columns, places = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).unbind(dim=1)
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("places", places, persistent=False)

    def forward(self, categories: torch.Tensor) -> torch.Tensor:
        """Return the features, float32."""
        return (categories[:, self.columns] == self.places).to(torch.get_default_dtype())


class Columns(nn.Module):
    """All columns of rows, side by side."""

    def __init__(
        self,
        edges: Sequence[Sequence[float]],
        gaps: int,
        categories: Sequence[int],
        texts: int,
        buckets: int,
        embedding: int | None,
    ) -> None:
        """Take what the rows' facts say, and how many features a column gets.

        edges: of the pieces of each number; gaps: how many of the numbers may be missing; categories: places of each
        column; texts: columns of words, which are one of so many buckets. embedding None: numbers as they are and
        categories one-hot. `sizes` is then how many features each column has, in the order of the features.
        """
        super().__init__()
        self.numbers = Pieces(edges, embedding) if edges and embedding else None
        self.categories: nn.Module | None = None
        if categories:
            self.categories = Categories(categories, embedding) if embedding else OneHot(categories)
        words = embedding or WORDS
        self.words = nn.Embedding(buckets + 1, words, padding_idx=0) if texts else None
        self.sizes = [embedding or 1] * len(edges) + [1] * gaps
        self.sizes += [embedding or size - 1 for size in categories] + [words] * texts
        self.out_features = sum(self.sizes)

    def forward(
        self,
        numbers: torch.Tensor | None,
        gaps: torch.Tensor | None,
        categories: torch.Tensor | None,
        words: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return features [B, out_features].

        numbers: standardised float32 [B, N]. gaps: float32 [B, gaps], 1 where a number is missing. categories: int64
        [B, C]. words: int64 [B, T, W], 0 behind the last of a text. None where there is no such column.
        """
        found = []
        if numbers is not None:
            found.append(numbers if self.numbers is None else self.numbers(numbers).flatten(1))
        if gaps is not None:
            found.append(gaps)
        if categories is not None and self.categories is not None:
            found.append(self.categories(categories).flatten(1))
        if words is not None and self.words is not None:
            real = (words != 0).unsqueeze(-1).to(self.words.weight.dtype)
            found.append(((self.words(words) * real).sum(dim=2) / real.sum(dim=2).clamp(min=1)).flatten(1))
        return torch.cat(found, dim=1)


class OverColumns(nn.Module):
    """Layers one after the other over the columns of a row, each with ReLU and dropout."""

    gains_from_bf16 = False

    def __init__(self, columns: Columns, layers: Iterable[nn.Module], features: int, dropout: float) -> None:
        """Take the columns, the layers, and the features of the last of them."""
        super().__init__()
        self.columns = columns
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self.out_features = features

    def begun(self, features: torch.Tensor) -> torch.Tensor:
        """Return what the layers take of the columns' features [B, F]: these."""
        return features

    def forward(
        self,
        numbers: torch.Tensor | None = None,
        gaps: torch.Tensor | None = None,
        categories: torch.Tensor | None = None,
        words: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Features [B, …, out_features] of the columns of rows, as `Columns` takes them."""
        features = self.begun(self.columns(numbers, gaps, categories, words))
        for layer in self.layers:
            features = self.dropout(torch.relu(layer(features)))
        return features
