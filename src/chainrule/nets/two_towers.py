"""Two towers: a perceptron over what is known of a user, one over what is known of an item, and their product.

Huang et al. 2013, "Learning deep structured semantic models for web search using clickthrough data",
https://doi.org/10.1145/2505515.2505665; Yi et al. 2019, https://doi.org/10.1145/3298689.3346996, figure 2. A user or an
item that training did not meet is told by its features.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from chainrule.nets.shared.sides import Sides


class Tower(nn.Module):
    """An embedding of the name, one of each category, and numbers, through layers to a vector with a bias."""

    def __init__(
        self, count: int, numbers: int, categories: Sequence[int], factors: int, layers: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.names, self.biases = nn.Embedding(count, factors), nn.Embedding(count, 1)
        self.categories = nn.ModuleList(nn.Embedding(size, factors) for size in categories)
        for table in (self.names, *self.categories):
            nn.init.normal_(table.weight, std=factors**-0.5)
        nn.init.zeros_(self.biases.weight)
        sizes = [factors * (1 + len(categories)) + numbers, *[width] * layers]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        self.last = nn.Linear(sizes[-1], factors)
        self.dropout = nn.Dropout(dropout)

    def forward(self, places: Tensor, numbers: Tensor, categories: Tensor) -> Tensor:
        """Return vectors [B, factors + 1] of places int64 [B], numbers [B, N] and categories int64 [B, C]."""
        own = [table(categories[:, at]) for at, table in enumerate(self.categories)]
        features = self.dropout(torch.cat([self.names(places), *own, numbers], dim=1))
        for layer in self.layers:
            features = self.dropout(torch.relu(layer(features)))
        return torch.cat([self.last(features), self.biases(places)], dim=1)


def build(
    users: int,
    items: int,
    user_numbers: int,
    item_numbers: int,
    user_categories: Sequence[int],
    item_categories: Sequence[int],
    *,
    factors: int,
    layers: int,
    width: int,
    dropout: float,
) -> Sides:
    """Build two towers of `layers` hidden layers of `width` features, which end in `factors` numbers each."""
    return Sides(
        Tower(users, user_numbers, user_categories, factors, layers, width, dropout),
        Tower(items, item_numbers, item_categories, factors, layers, width, dropout),
    )
