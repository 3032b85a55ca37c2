"""Users on one side, items on the other, and a score of each pair: what nets for ratings and clicks end in."""

from torch import Tensor, nn


class Sides(nn.Module):
    """The product of a user's vector and an item's, and the biases of both, which are their last numbers."""

    gains_from_bf16 = False

    def __init__(self, users: nn.Module, items: nn.Module) -> None:
        """Take what makes vectors [B, factors + 1] of places, numbers and categories, for users and for items."""
        super().__init__()
        self.users, self.items = users, items

    def forward(
        self,
        users: Tensor,
        user_numbers: Tensor,
        user_categories: Tensor,
        items: Tensor,
        item_numbers: Tensor,
        item_categories: Tensor,
    ) -> Tensor:
        """Return the score [B] of each pair of places int64 [B] with their features."""
        one = self.users(users, user_numbers, user_categories)
        other = self.items(items, item_numbers, item_categories)
        product: Tensor = (one[:, :-1] * other[:, :-1]).sum(-1) + one[:, -1] + other[:, -1]
        return product
