"""Batches on their way: one process's rows of them, as often as an objective sees them, and what became of them."""

import torch
from torch import Tensor, nn

from chainrule.training.prediction import Inputs, to_device


def views(
    objective: nn.Module, inputs: Inputs, index: Tensor, generator: torch.Generator | None, device: torch.device
) -> list[dict[str, Tensor]]:
    """Return the same rows as often as the objective wants to see them in a step (`views`), each distorted anew."""
    return [to_device(inputs.take(index, generator), device) for _ in range(getattr(objective, "views", 1))]


def parts(batches: list[dict[str, Tensor]], number: int) -> list[tuple[float, list[dict[str, Tensor]]]]:
    """Return the views of some rows in so many parts of about as many rows (at least one), each with its share of them.

    What has no first axis of rows goes with every part.
    """
    rows = max(len(tensor) for tensor in batches[0].values())
    if number == 1:
        return [(1, batches)]
    return [
        (
            len(part) / rows,
            [
                {
                    name: tensor[part] if tensor.ndim and len(tensor) == rows else tensor
                    for name, tensor in batch.items()
                }
                for batch in batches
            ],
        )
        for part in torch.arange(rows).chunk(number)
    ]


def mean(found: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the loss over all counts, and their sum, of the parts of a batch."""
    losses, counts = (torch.stack(each) for each in zip(*found, strict=True))
    return (losses * counts).sum() / counts.sum().clamp(min=1), counts.sum()


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
