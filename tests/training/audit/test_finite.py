"""The first number that is none is found where it came to be."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.audit.finite import first_not_finite


class Overflows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 3e38 * 3e38


class Objective(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        return {"loss": self.net(batch["x"]).log().mean()}


BATCH = [{"x": torch.ones(3, 4)}]


def positive() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Softplus())


def test_the_innermost_module_is_named_with_what_went_into_it() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(positive(), nn.Sequential(nn.Identity(), Overflows()), positive())
    said = first_not_finite(Objective(net), BATCH, "fp32")
    assert "net.1.1 (Overflows)" in said
    assert "at most" in said


def test_a_loss_is_named_where_all_modules_are_fine() -> None:
    objective = Objective(nn.Sequential(nn.ReLU()))
    assert "the loss (Objective)" in first_not_finite(objective, [{"x": -torch.ones(3, 4)}], "fp32")


def test_spoilt_weights_are_named_before_any_module() -> None:
    objective = Objective(positive())
    with torch.no_grad():
        objective.net[0].bias[2] = torch.nan
    said = first_not_finite(objective, BATCH, "fp32")
    assert "net.0.bias" in said
    assert "update before" in said


def test_statistics_stay() -> None:
    objective = Objective(positive()).train()
    before = {name: tensor.clone() for name, tensor in objective.state_dict().items()}
    first_not_finite(objective, BATCH, "fp32")
    assert all(torch.equal(before[name], tensor) for name, tensor in objective.state_dict().items())
