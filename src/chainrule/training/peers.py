"""Several processes at one training: what they share, what they agree on, and weights cut into shares.

Each process sees its share of every batch. With DDP (Li et al. 2020, arXiv:2006.15704) each has all weights, and
gradients are averaged; with FSDP (Zhao et al. 2023, arXiv:2304.11277) each keeps a share of weights, gradients and
optimizer, and gathers what it computes with. One process has no peers, and nothing here costs it anything.
"""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn


def agreed(accelerator: Accelerator, said: Any) -> Any:
    """Return what the first process says, in every process."""
    return said if accelerator.num_processes == 1 else broadcast_object_list([said])[0]


def pooled(accelerator: Accelerator, loss: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss [] over what all processes saw in a step, and its count []; nothing waits for them."""
    if accelerator.num_processes == 1:
        return loss, count
    count = count.to(loss.device, loss.dtype)
    total: Any = accelerator.reduce(torch.stack([loss * count, count]), "sum")
    return total[0] / total[1].clamp(min=1), total[1]


def cut(module: nn.Module) -> None:
    """Cut the weights of a module into shares, one for each process: each layer of a list of layers by itself."""
    from torch.distributed.fsdp import fully_shard

    for part in module.modules():
        if isinstance(part, nn.ModuleList):
            for layer in part:
                fully_shard(layer)
    fully_shard(module)


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor of which each process has a share as a whole, in every process; any other as it is."""
    if not torch.distributed.is_initialized():  # one process does without half a second of imports
        return tensor
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """Return a whole tensor, cut as another of its shape is; as it is where that one is whole."""
    if not torch.distributed.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(other, DTensor):
        return tensor
    return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
