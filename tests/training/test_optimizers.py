"""What a step of each optimizer does to the weights."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.training.optimizers import make_optimizer

NAMES = ["sgd", "momentum", "nesterov", "adam", "adamw", "adafactor", "muon"]


class Small(nn.Module):
    """An embedding, a linear layer and a norm: two matrices, one of them no linear layer's, and three vectors."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(5, 4)
        self.linear = nn.Linear(4, 3)
        self.norm = nn.LayerNorm(3)


def steps(name: str, number: int, decay: float = 0.0, rate: float = 0.1) -> list[dict[str, Tensor]]:
    """Return the weights before and after each of some steps along a gradient of 1, 2, 3, … everywhere."""
    model = Small()
    optimizer = make_optimizer(model, name, rate, decay)
    found = [{key: value.clone() for key, value in model.state_dict().items()}]
    for step in range(1, number + 1):
        for weight in model.parameters():
            weight.grad = torch.full_like(weight, float(step))
        optimizer.step()
        found.append({key: value.clone() for key, value in model.state_dict().items()})
    return found


def moved(states: list[dict[str, Tensor]], key: str = "norm.bias") -> list[float]:
    return [float((after[key] - before[key]).mean()) for before, after in itertools.pairwise(states)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sgd", [-0.1, -0.2]),
        ("momentum", [-0.1, -0.29]),  # 0.9 · 1 + 2
        ("nesterov", [-0.19, -0.461]),  # 0.9 · 2.9 + 2
        ("adam", [-0.1, -0.0965]),
        ("adamw", [-0.1, -0.0965]),
        ("muon", [-0.1, -0.0965]),  # a vector, which AdamW moves
    ],
)
def test_the_first_steps_are_those_of_its_definition(name: str, expected: list[float]) -> None:
    assert moved(steps(name, 2)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_decay_shrinks_matrices_alone(name: str) -> None:
    plain, decayed = (steps(name, 1, decay)[1] for decay in (0.0, 0.5))
    for key, value in decayed.items():
        assert torch.equal(value, plain[key]) == (value.ndim < 2), key


@pytest.mark.parametrize(("name", "beside"), [("adam", False), ("adamw", True)])
def test_decay_is_part_of_adams_gradient_and_stands_beside_adamws(name: str, beside: bool) -> None:
    states = steps(name, 1, decay=0.5)
    before, after = (state["linear.weight"] for state in states)
    adam = -0.1 * (torch.ones_like(before) if beside else (1 + 0.5 * before).sign())
    shrunk = before * (1 - 0.1 * 0.5) if beside else before
    torch.testing.assert_close(after, shrunk + adam, rtol=1e-4, atol=1e-5)


def test_muon_moves_linear_layers_along_an_orthogonal_matrix_and_the_rest_as_adamw_does() -> None:
    model, other = Small(), Small()
    torch.manual_seed(1)
    gradient = torch.randn(3, 4)
    for net, name in ((model, "muon"), (other, "adamw")):
        optimizer = make_optimizer(net, name, 0.1, 0.0)
        for weight in net.parameters():
            weight.grad = torch.ones_like(weight)
        net.linear.weight.grad = gradient
        optimizer.step()
    change = model.linear.weight.detach() - Small().linear.weight.detach()
    sizes = torch.linalg.svdvals(change) / (0.1 * 0.2 * 2)  # the rate, and 0.2 · √(longer side)
    assert all(0.6 < size < 1.3 for size in sizes.tolist())  # Newton-Schulz is near one, not at it
    assert torch.linalg.svdvals(gradient)[0] > 2 * torch.linalg.svdvals(gradient)[-1]
    assert not torch.equal(model.linear.weight, other.linear.weight)
    assert torch.equal(model.embedding.weight, other.embedding.weight)
    assert torch.equal(model.norm.weight, other.norm.weight)


def test_adafactor_keeps_a_row_and_a_column_for_a_matrix() -> None:
    model = Small()
    optimizer = make_optimizer(model, "adafactor", 0.1, 0.0)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    state: dict[str, Any] = optimizer.state[model.linear.weight]
    assert {name: list(value.shape) for name, value in state.items()} == {
        "step": [], "row_var": [3, 1], "col_var": [1, 4],
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_rate_that_a_loop_sets_is_the_one_in_force(name: str) -> None:
    model = Small()
    optimizer = make_optimizer(model, name, 0.1, 0.0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_each_weight_is_in_one_group_of_its_multiplier(name: str) -> None:
    model = Small()
    optimizer = make_optimizer(model, name, 0.1, 0.0, {model.linear.weight: 0.5, model.norm.bias: 0.5})
    found = [(weight, group["multiplier"]) for group in optimizer.param_groups for weight in group["params"]]
    assert {id(weight) for weight, _ in found} == {id(weight) for weight in model.parameters()}
    assert len(found) == len(list(model.parameters()))
    assert {id(weight) for weight, rate in found if rate == 0.5} == {id(model.linear.weight), id(model.norm.bias)}
