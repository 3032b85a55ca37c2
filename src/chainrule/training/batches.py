"""Batches on their way: one process's rows of them, as often as an objective sees them, and what became of them."""

import torch
from torch import Tensor, nn

from chainrule.training.prediction import Inputs, to_device


def views(
    objective: nn.Module, inputs: Inputs, index: Tensor, generator: torch.Generator | None, device: torch.device
) -> list[dict[str, Tensor]]:
    """Return the same rows as often as the objective wants to see them in a step (`views`), each distorted anew."""
    return [to_device(inputs.take(index, generator), device) for _ in range(getattr(objective, "views", 1))]


def share(index: Tensor, process: int, processes: int) -> Tensor:
    """Return this process's rows of a batch; the batch is filled up from its start so that all shares are equal."""
    missing = -len(index) % processes
    return torch.cat([index, index[:missing]])[process::processes]


def read(unread: list[tuple[Tensor, Tensor]]) -> list[tuple[float, float]]:
    """Return losses and counts as numbers, which waits for them where they are on a GPU, and empty the list."""
    if not unread:
        return []
    losses, counts = (torch.stack(each).tolist() for each in zip(*unread, strict=True))
    unread.clear()
    return list(zip(losses, counts, strict=True))
