"""Inputs moved a little so that a model errs: one step along the gradient's sign, or several that stay near the start.

FGSM is Goodfellow et al. 2015, "Explaining and harnessing adversarial examples", arXiv:1412.6572; PGD is Madry et al.
2018, "Towards deep learning models resistant to adversarial attacks", arXiv:1706.06083. What is moved is what the model
is given, in its own unit: of an image pixels from 0 to 255, before they are normalised.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
"""Of inputs [B, …] their loss [], a mean or a sum over the rows."""


class Ball(NamedTuple):
    """Where inputs may be moved to: at most `epsilon` from where they are, in every coordinate, from `low` to `high`.

    Numbers, or tensors that broadcast to the inputs.
    """

    epsilon: Tensor | float
    low: Tensor | float = 0.0
    high: Tensor | float = 255.0


def fgsm(loss: Loss, inputs: Tensor, ball: Ball) -> Tensor:
    """Return the inputs [B, …] after one step of `epsilon` that raises the loss."""
    return pgd(loss, inputs, ball, steps=1, step_size=1.0)


def pgd(
    loss: Loss, inputs: Tensor, ball: Ball, *, steps: int, step_size: float | None = None, start: Tensor | None = None
) -> Tensor:
    """Return the inputs [B, …] after some steps that raise the loss, each followed by a projection into the ball.

    step_size: of a step, as a share of epsilon; None is the usual 2.5 / steps, at most 1.25, which is what a single
    step from a random start takes (Wong et al. 2020, arXiv:2001.03994). start: where the steps begin, such as `drawn`
    in the ball; None: at the inputs. What the loss runs through gathers no gradients.
    """
    length = (min(1.25, 2.5 / steps) if step_size is None else step_size) * ball.epsilon
    moved = inputs if start is None else projected(start, inputs, ball)
    with torch.enable_grad():
        for _ in range(steps):
            moved = moved.detach().requires_grad_()
            (slope,) = torch.autograd.grad(loss(moved), moved)
            moved = projected(moved.detach() + length * slope.sign(), inputs, ball)
    return moved.detach()


def projected(moved: Tensor, inputs: Tensor, ball: Ball) -> Tensor:
    """Return what lies nearest to `moved` in the ball round the inputs; a NaN stays one."""
    near = torch.minimum(torch.maximum(moved, inputs - ball.epsilon), inputs + ball.epsilon)
    floor, ceiling = (torch.as_tensor(end, dtype=near.dtype, device=near.device) for end in (ball.low, ball.high))
    return torch.minimum(torch.maximum(near, floor), ceiling)


def drawn(inputs: Tensor, ball: Ball, generator: torch.Generator | None = None) -> Tensor:
    """Return inputs moved evenly at random within epsilon, from the default generator of their device if none is given.

    They may lie outside low and high; a projection brings them back.
    """
    return inputs + ball.epsilon * (2 * torch.rand(inputs.shape, generator=generator, device=inputs.device) - 1)
