"""What an update does to each layer: norms of gradient, weights and step, and units that the loss does not reach.

Everything is computed where the weights are and comes back as one tensor, so that a GPU is not waited for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chainrule.training.audit.layers import Layer

QUANTITIES = ("gradient", "weight", "step", "dead")
"""Rows of what `measured` returns."""


@torch.no_grad()
def kept(layers: Sequence[Layer]) -> list[list[Tensor]]:
    """Return copies of the weights that have a gradient, layer by layer: for the time of one update."""
    return [[weight.detach().clone() for weight in learning(layer)] for layer in layers]


@torch.no_grad()
def of_gradients(layers: Sequence[Layer]) -> tuple[Tensor, Tensor]:
    """Return the Euclidean norm of each layer's gradient and its share of dead units, float32 [layers] each.

    A unit, a row of a linear or convolutional weight, is dead in an update when every number of its gradient is
    exactly 0: whatever the batch held, the loss did not depend on it, as behind a ReLU that let nothing through.
    NaN for a layer without a gradient, or without such weights.
    """
    gradients, dead = [], []
    for layer in layers:
        found = [weight.grad for weight in layer.parameters if weight.grad is not None]
        gradients.append(_norm(found))
        found = [weight.grad.flatten(1) for weight in layer.unit_weights if weight.grad is not None]
        rows = [gradient.abs().amax(dim=1) != 0 for gradient in found]  # half the time of any()
        dead.append(1 - torch.cat(rows).float().mean() if rows else _nothing())
    return _together(gradients), _together(dead)


@torch.no_grad()
def of_steps(layers: Sequence[Layer], before: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the norms of each layer's weights before an update and of what the update added, float32 [layers] each.

    `before` is used up: what was added takes its place, for fresh memory costs more than the sum.
    """
    weights, steps = [], []
    for layer, old in zip(layers, before, strict=True):
        weights.append(_norm(old))
        steps.append(_norm([was.sub_(new) for new, was in zip(learning(layer), old, strict=True)]))
    return _together(weights), _together(steps)


def learning(layer: Layer) -> list[Tensor]:
    """Return the weights of a layer that have a gradient."""
    return [weight.detach() for weight in layer.parameters if weight.grad is not None]


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.get_total_norm(tensors).float() if tensors else _nothing()


def _nothing() -> Tensor:
    return torch.tensor(torch.nan)


def _together(scalars: Sequence[Tensor]) -> Tensor:
    """Stack scalars on the device that most of them are on: a layer without a number has made its own."""
    device = next((scalar.device for scalar in scalars if scalar.device.type != "cpu"), torch.device("cpu"))
    return torch.stack([scalar.to(device, non_blocking=True) for scalar in scalars])
