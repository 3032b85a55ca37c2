"""What a model says about rows."""

from typing import Protocol

import torch
from torch import Tensor, nn


class Inputs(Protocol):
    """Rows in memory, by modality (see `training.inputs`)."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices; in an order of its own choice without a generator."""

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return one batch, distorted with a generator, as it is without."""


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the batch on a device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


@torch.no_grad()
def predict(model: nn.Module, inputs: Inputs, names: tuple[str, ...], batch_size: int) -> Tensor:
    """Return the logits [N, C] float32 of a model in evaluation mode for every row, in row order, on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    logits: list[Tensor] = []
    rows: list[Tensor] = []
    for index in inputs.order(batch_size, None):
        batch = to_device(inputs.take(index, None), device)
        logits.append(model(*(batch[name] for name in names)).float().cpu())
        rows.append(index)
    order = torch.cat(rows)
    return torch.cat(logits)[order.argsort()]
