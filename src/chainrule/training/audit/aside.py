"""A pass beside the training that leaves nothing behind: no running average, no random number, no mode is another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def aside(objective: nn.Module, batches: Sequence[dict[str, Tensor]]) -> Iterator[None]:
    """Let an objective be called with batches; its buffers, its modes and the generators are as before afterwards."""
    devices = list({tensor.device for batch in batches for tensor in batch.values() if tensor.device.type != "cpu"})
    buffers = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    modes = [(module, module.training) for module in objective.modules()]
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        for module, mode in modes:  # from the outside in: the mode of a module is also that of what it holds
            module.train(mode)
        with torch.no_grad():
            for name, buffer in objective.named_buffers():
                buffer.copy_(buffers[name])
