"""What a model says about rows."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Inputs(Protocol):
    """Rows in memory, by modality (see `training.inputs`)."""

    cut: int
    """How many of the rows are longer than the model reads, and not whole."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices; in an order of its own choice without a generator."""

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return one batch, distorted with a generator, as it is without: its inputs by name, its "target"."""


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the batch on a device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


@torch.no_grad()
def predict(model: nn.Module, inputs: Inputs, batch_size: int) -> dict[str, np.ndarray]:
    """Return the outputs [N, …] float32 by name of a model in evaluation mode for every row, in row order."""
    model.eval()
    device = next(model.parameters()).device
    names: tuple[str, ...] = model.inputs  # type: ignore[assignment]
    batches = inputs.order(batch_size, None)
    found: list[dict[str, Tensor]] = []
    for index in batches:
        batch = to_device(inputs.take(index, None), device)
        found.append({name: tensor.float().cpu() for name, tensor in model(**{k: batch[k] for k in names}).items()})
    place = torch.cat(batches).argsort()
    return {name: torch.cat([outputs[name] for outputs in found])[place].numpy() for name in found[0]}
