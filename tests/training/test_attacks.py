"""Inputs moved against a model: what is known of a linear one in closed form, and where nothing may leave."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.training import attacks
from chainrule.training.attacks import Ball, Loss


def linear(weights: Tensor) -> Loss:
    """Return the loss of a linear model whose right answer is the larger the larger x · w is."""
    return lambda inputs: -(inputs.flatten(1) * weights).sum()


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_on_a_linear_model_it_is_the_closed_form(steps: int) -> None:
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(12, generator=random)
    inputs = torch.randint(20, 236, (5, 1, 3, 4), generator=random).float()
    expected = inputs - 8 * weights.sign().view(1, 3, 4)
    ball = Ball(8.0)
    assert torch.equal(attacks.pgd(linear(weights), inputs, ball, steps=steps), expected)
    started = attacks.drawn(inputs, ball, random)
    assert torch.equal(attacks.pgd(linear(weights), inputs, ball, steps=max(2, steps), start=started), expected)
    assert torch.equal(attacks.fgsm(linear(weights), inputs, ball), expected)


def test_a_step_is_a_share_of_epsilon_in_the_unit_of_the_inputs() -> None:
    inputs = torch.full((1, 2), 100.0)
    moved = attacks.pgd(linear(torch.ones(2)), inputs, Ball(8.0), steps=3, step_size=0.25)
    assert torch.equal(moved, inputs - 6)
    each = attacks.pgd(linear(torch.ones(2)), inputs, Ball(torch.tensor([1.0, 4.0])), steps=4)
    assert torch.equal(each, inputs - torch.tensor([1.0, 4.0]))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.1, 300), st.integers(1, 5), st.floats(0.1, 3), st.booleans())
def test_nothing_leaves_the_ball_or_the_range(
    seed: int, epsilon: float, steps: int, step_size: float, random_start: bool
) -> None:
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (3, 1, 4, 4), generator=random).float()
    weights = torch.randn(16, 5, generator=random)
    ball = Ball(epsilon)

    def loss(moved: Tensor) -> Tensor:
        return torch.tanh((moved / 255).flatten(1) @ weights).square().sum()

    start = attacks.drawn(inputs, ball, random) if random_start else None
    moved = attacks.pgd(loss, inputs, ball, steps=steps, step_size=step_size, start=start)
    assert moved.dtype == inputs.dtype and moved.shape == inputs.shape and not moved.requires_grad
    assert moved.min() >= 0 and moved.max() <= 255
    assert (moved - inputs).abs().max() <= epsilon * (1 + 1e-6) + 1e-4


def test_more_steps_find_no_smaller_loss_on_a_convex_one() -> None:
    weights = torch.randn(16, generator=torch.Generator().manual_seed(1))
    inputs = torch.full((1, 16), 128.0)

    def loss(moved: Tensor) -> Tensor:
        return torch.nn.functional.softplus(-(moved - 128) @ weights).sum()

    found = [float(loss(attacks.pgd(loss, inputs, Ball(epsilon), steps=5))) for epsilon in (0.0, 1.0, 2.0, 8.0)]
    assert found == sorted(found) and found[-1] > found[0]


def test_a_missing_number_stays_missing_and_moves_nothing() -> None:
    inputs = torch.tensor([[1.0, float("nan")]])
    moved = attacks.pgd(lambda given: given.nan_to_num(0).sum(), inputs, Ball(1.0, -5.0, 5.0), steps=2)
    assert moved[0, 0] == 2 and moved[0, 1].isnan()
