"""The exponential moving average of weights and of normalisation's statistics.

Of Polyak & Juditsky 1992; for nets as in Tarvainen & Valpola 2017 (arXiv:1703.01780), the decay rising with the updates
so that an average over few does not cling to the start.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


def begun(module: nn.Module) -> dict[str, Tensor]:
    """Return the average after no update: the module's state as it is."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@torch.no_grad()
def follow(average: dict[str, Tensor], module: nn.Module, decay: float, update: int) -> None:
    """Move the average, in place, towards the module's state after an update (from 0); counters are taken as they are.

    The decay is at most (1 + update) / (10 + update).
    """
    present = module.state_dict()
    floats = [name for name, tensor in average.items() if tensor.is_floating_point()]
    move = get_ema_multi_avg_fn(min(decay, (1 + update) / (10 + update)))  # type: ignore[no-untyped-call]
    move([average[name] for name in floats], [present[name] for name in floats], update)
    for name in average.keys() - set(floats):
        average[name].copy_(present[name])


@contextmanager
def instead(module: nn.Module, average: dict[str, Tensor]) -> Iterator[None]:
    """Have the module hold the average for a while; nothing happens where there is none."""
    if not average:
        yield
        return
    kept = begun(module)
    module.load_state_dict(average)
    try:
        yield
    finally:
        module.load_state_dict(kept)
