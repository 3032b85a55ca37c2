"""The loss around trained weights, along two random directions whose filters are as long as the weights' own.

Li et al. 2018, "Visualizing the loss landscape of neural nets", arXiv:1712.09913. A net with ReLU or norms says the
same when one layer is scaled up and the next down; directions that are scaled filter by filter as the weights are make
pictures of two nets comparable. As in the paper biases and norms stay where they are.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]


def direction(weights: Weights, generator: torch.Generator) -> dict[str, Tensor]:
    """Return a random direction of weights by name, each filter (the first axis) as long as the weights' own.

    Of a tensor with one axis or none, a bias or what belongs to a norm, there is no part in it.
    """
    found = {}
    for name, weight in weights.items():
        if weight.ndim > 1 and weight.is_floating_point():
            drawn = torch.randn(weight.shape, generator=generator)
            found[name] = (drawn * (_lengths(weight.float().cpu()) / _lengths(drawn).clamp(min=1e-12))).to(weight)
    return found


def _lengths(weight: Tensor) -> Tensor:
    """Return the norm of each filter, [F, 1, …] of a tensor [F, …]."""
    found: Tensor = weight.flatten(1).norm(dim=1)
    return found.view(-1, *[1] * (weight.ndim - 1))


@torch.no_grad()
def losses(
    loss: Callable[[Weights], float], weights: Weights, along: tuple[Weights, Weights], steps: Sequence[float]
) -> np.ndarray:
    """Return a loss [up, across] at weights + across · along[0] + up · along[1]; `weights` stay as they are."""
    found = np.empty((len(steps), len(steps)))
    for row, up in enumerate(steps):
        for column, across in enumerate(steps):
            moved = dict(weights)
            for far, direction in zip((across, up), along, strict=True):
                moved |= {name: moved[name] + far * part for name, part in direction.items()}
            found[row, column] = loss(moved)
    return found


def mean_loss(objective: nn.Module, batches: Sequence[dict[str, Tensor]]) -> Callable[[Weights], float]:
    """Return the mean loss over batches as a function of an objective's weights; the objective's own are not touched.

    objective: in evaluation mode, returns "loss", a mean over rows, and "count".
    """

    def loss(weights: Weights) -> float:
        total, count = 0.0, 0
        for batch in batches:
            found = torch.func.functional_call(objective, dict(weights), (batch,))
            total += float(found["loss"]) * int(found["count"])
            count += int(found["count"])
        return total / max(count, 1)

    return loss


def rings(found: np.ndarray, steps: Sequence[float]) -> list[tuple[float, float]]:
    """Return how far from the middle, and the mean loss there: of the points of a grid by their rounded distance."""
    along = np.asarray(steps)
    far = np.hypot(*np.meshgrid(along, along))
    step = along[-1] / (len(along) // 2)
    ring = np.rint(far / step).astype(int)
    return [(float(number * step), float(found[ring == number].mean())) for number in range(len(along) // 2 + 1)]
