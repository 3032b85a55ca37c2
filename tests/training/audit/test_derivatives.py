"""Derivatives that are right agree, and a planted wrong one is found where it is."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.training.audit import derivatives
from chainrule.training.audit.layers import layers

BATCH = [{"x": torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))}]


class Planted(torch.autograd.Function):
    """The identity, with a gradient that is one percent too large."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Tensor:
        return 1.01 * given[0]


class Wrong(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return Planted.apply(self.inner(x))  # type: ignore[no-any-return]


class Mean(nn.Module):
    """A net under a loss in single precision, as the losses of trainings are."""

    def __init__(self, *parts: nn.Module, wrong: bool = False) -> None:
        super().__init__()
        self.net = nn.Sequential(*parts)
        self.wrong = wrong

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        out = self.net(batch["x"].float()).float()
        return {"loss": ((Planted.apply(out) if self.wrong else out) - 1).square().mean()}


def stem() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2))


def found(objective: nn.Module, seed: int = 0) -> dict[str, derivatives.Checked]:
    parts = [layer for layer in layers(objective) if layer.modules]
    return {each.name: each for each in derivatives.check(objective, parts, BATCH, seed)}


@pytest.mark.parametrize("seed", range(4))
def test_right_derivatives_agree_kinks_and_dropout_included(seed: int) -> None:
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(2))
    head(torch.zeros(1, 4, 1, 1))
    middle = nn.Sequential(nn.Conv2d(4, 4, 3), nn.GELU())
    checked = found(Mean(stem(), nn.ReLU(), middle, head), seed)
    assert list(checked) == ["0", "2", "3", "loss"]
    assert all(each.ok and each.error is not None and each.error < 1e-6 for each in checked.values()), checked


def test_a_wrong_backward_is_found_in_its_block_and_in_the_loss() -> None:
    torch.manual_seed(0)
    checked = found(Mean(stem(), Wrong(), nn.Conv2d(4, 2, 1)))
    assert [name for name, each in checked.items() if not each.ok] == ["1", "loss"]
    assert checked["1"].error == pytest.approx(0.01, rel=0.1)
    assert checked["1"].worst in ("inner.weight", "inner.bias", "the input")


def test_what_is_wrong_between_the_blocks_is_found_in_the_loss_alone() -> None:
    torch.manual_seed(0)
    checked = found(Mean(stem(), nn.Conv2d(4, 2, 1), wrong=True))
    assert [name for name, each in checked.items() if not each.ok] == ["loss"]


def test_a_gradient_that_is_not_carried_at_all_is_found() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(4, 4, 1)
            self.lost = nn.Parameter(torch.ones(4, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) * self.lost.detach()  # type: ignore[no-any-return]

    torch.manual_seed(0)
    checked = found(Mean(stem(), Cut(), nn.Conv2d(4, 2, 1)))
    assert not checked["1"].ok
    assert checked["1"].worst == "lost"


def test_what_starts_at_zero_hides_nothing() -> None:
    """Behind a weight of 0 every gradient would be 0, the wrong ones too."""
    torch.manual_seed(0)
    last = nn.Conv2d(4, 2, 1)
    nn.init.zeros_(last.weight)
    assert not found(Mean(stem(), Wrong(), last))["loss"].ok
