"""Matrix factorisation: a vector and a bias of each user and each item, whose product is the score of both.

Koren, Bell and Volinsky 2009, "Matrix factorization techniques for recommender systems",
https://doi.org/10.1109/MC.2009.263, equation 4. It knows users and items by their names alone; what it does not know it
takes for the one that training has in place of some.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from chainrule.nets.shared.sides import Sides


class Factors(nn.Module):
    """The vectors of users, or of items, with a bias as their last number."""

    def __init__(self, count: int, factors: int, dropout: float) -> None:
        super().__init__()
        self.vectors, self.biases = nn.Embedding(count, factors), nn.Embedding(count, 1)
        nn.init.normal_(self.vectors.weight, std=0.1 / factors**0.5)
        nn.init.zeros_(self.biases.weight)
        self.dropout = nn.Dropout(dropout)

    def forward(self, places: Tensor, numbers: Tensor, categories: Tensor) -> Tensor:  # noqa: ARG002 - as towers take
        """Return vectors [B, factors + 1] of places int64 [B]; of features nothing is read."""
        return torch.cat([self.dropout(self.vectors(places)), self.biases(places)], dim=1)


def build(
    users: int,
    items: int,
    user_numbers: int,
    item_numbers: int,
    user_categories: Sequence[int],
    item_categories: Sequence[int],
    *,
    factors: int,
    dropout: float,
) -> Sides:
    """Build vectors of `factors` numbers for so many users and items, each with one for those that are not known."""
    return Sides(Factors(users, factors, dropout), Factors(items, factors, dropout))
