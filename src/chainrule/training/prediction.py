"""What a model says about rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.serving.padding import filled
from chainrule.training.memory import halving, too_many


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


def kept(model: nn.Module, outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return what is kept of the outputs of many rows: what a model with large ones makes of them, else all of it."""
    reduce: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = getattr(model, "kept", None)
    return outputs if reduce is None else reduce(outputs)


@torch.no_grad()
def predict(
    model: nn.Module, inputs: Inputs, batch_size: int, say: Callable[[str], None] = print
) -> dict[str, np.ndarray]:
    """Return the outputs [N, …] float32 by name of a model in evaluation mode for every row, in row order.

    What differs in size between batches is filled up with zeros; an output tells which positions are there. Of a model
    whose answer takes more than one run of its graph, what its `answers` returns. Of one with outputs so large that
    those of all rows fill the memory, what it keeps of them (`kept`).

    say: is told, in a line, that batches do not fit in memory and are taken in parts. ChainruleError where one row does
    not fit.
    """
    model.eval()
    batches = inputs.order(batch_size, None)
    parts = 1

    def halve() -> None:
        nonlocal parts
        found = too_many(math.ceil(batch_size / parts))
        parts *= 2
        say(f"{found}: each batch of {batch_size} is taken in {parts} parts")

    def outputs(index: Tensor) -> list[dict[str, Tensor]]:
        return halving(lambda: _outputs(model, inputs, index.chunk(parts)), halve)

    found = [part for index in batches for part in outputs(index)]
    place = torch.cat(batches).argsort().numpy()
    return {name: filled([part[name].numpy() for part in found])[place] for name in found[0]}


def _outputs(model: nn.Module, inputs: Inputs, parts: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    """Return the outputs, float32 on the CPU by name, of each part of a batch's rows."""
    device = next(model.parameters()).device
    names: tuple[str, ...] = model.inputs  # type: ignore[assignment]
    say: Callable[..., dict[str, Tensor]] = getattr(model, "answers", model)
    found = []
    for index in parts:
        batch = to_device(inputs.take(index, None), device)
        outputs = {name: tensor.float() for name, tensor in say(**{k: batch[k] for k in names}).items()}
        found.append({name: tensor.cpu() for name, tensor in kept(model, outputs).items()})
    return found
