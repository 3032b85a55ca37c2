"""The chain rule along depth, against products that are known on paper."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.training.audit import depth
from chainrule.training.audit.layers import layers


class Sum(nn.Module):
    """A net under a loss that is the sum of its outputs."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        return {"loss": self.net(batch["x"]).sum()}


def scaling(gain: float, width: int = 4) -> nn.Linear:
    """A linear map that multiplies by `gain`."""
    layer = nn.Linear(width, width, bias=False)
    with torch.no_grad():
        layer.weight.copy_(gain * torch.eye(width))
    return layer


def chain(net: nn.Module, batch: Tensor | None = None, **more: str) -> list[depth.Link]:
    objective = Sum(net)
    return depth.factors(objective, layers(objective), [{"x": torch.randn(3, 4) if batch is None else batch}], **more)


@pytest.mark.parametrize("gain", [0.5, 1.0, 3.0])
def test_a_linear_map_contributes_its_gain(gain: float) -> None:
    links = chain(nn.Sequential(*(scaling(gain) for _ in range(6))))
    assert [link.name for link in links] == ["0", "1", "2", "3", "4", "5"]
    assert [link.factor for link in links] == pytest.approx([gain] * 6)
    assert [link.reached for link in links] == pytest.approx([gain**6, gain**5, gain**4, gain**3, gain**2, gain])


def test_factors_multiply_to_what_reaches_the_input() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(5)))
    links = chain(net)
    assert math.prod(link.factor or 0 for link in links) == pytest.approx(links[0].reached)


class Halved(nn.Module):
    """Two layers, and a division by two between them that is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = scaling(3.0), scaling(5.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x) / 2)  # type: ignore[no-any-return]


def test_what_happens_between_two_blocks_has_a_factor_of_its_own() -> None:
    links = chain(Halved())
    assert [(link.name, link.block) for link in links] == [("first", True), ("first → second", False), ("second", True)]
    assert [link.factor for link in links] == pytest.approx([3, 0.5, 5])
    assert links[0].reached == pytest.approx(7.5)


def test_frozen_blocks_are_seen_like_the_others() -> None:
    free, frozen = (nn.Sequential(*(scaling(2.0) for _ in range(4))) for _ in range(2))
    frozen[:3].requires_grad_(False)
    assert chain(frozen) == chain(free)


def test_a_chain_begins_behind_what_takes_token_ids() -> None:
    net = nn.Sequential(nn.Embedding(7, 4), scaling(2.0), scaling(2.0))
    links = chain(net, torch.tensor([[1, 2], [3, 4]]))
    assert [link.factor for link in links] == [None, pytest.approx(2), pytest.approx(2)]


def test_what_a_loss_goes_around_at_the_end_of_a_block_is_no_part_of_it() -> None:
    """As pretraining goes around the dropout on an embedding."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(scaling(2.0), scaling(3.0))
            self.dropout = nn.Dropout(0.5)  # without weights: of the layer before it

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)  # type: ignore[no-any-return]

    assert [link.factor for link in chain(Around())] == pytest.approx([2, 3])


def test_nothing_passes_a_dead_block() -> None:
    dead = nn.Linear(4, 4)
    nn.init.constant_(dead.bias, -100.0)
    links = chain(nn.Sequential(scaling(2.0), nn.Sequential(dead, nn.ReLU()), scaling(2.0)))
    assert [link.name for link in links] == ["0", "1", "2"]
    assert [link.factor for link in links] == [None, 0.0, pytest.approx(2)]
    assert [link.reached for link in links] == [0.0, 0.0, pytest.approx(2)]


def test_a_block_that_the_loss_does_not_use_is_no_link() -> None:
    class Beside(Halved):
        def forward(self, x: Tensor) -> Tensor:
            self.second(x)
            return self.first(x)  # type: ignore[no-any-return]

    assert [link.name for link in chain(Beside())] == ["first"]


def test_modules_that_work_in_place_change_nothing() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(3)))
    in_place = nn.Sequential(*(nn.Sequential(layer[0], nn.ReLU(inplace=True)) for layer in plain))
    first = nn.Sequential(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)), *in_place)
    again = nn.Sequential(nn.Sequential(nn.ReLU(), first[0][1]), *plain)
    batch = torch.randn(3, 4)
    assert chain(first, batch) == chain(again, batch)


def test_the_training_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 4)).train()
    before, random = {name: tensor.clone() for name, tensor in net.state_dict().items()}, torch.get_rng_state()
    assert len(chain(net, torch.randn(3, 4, generator=torch.Generator().manual_seed(0)))) == 2
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(weight.grad is None for weight in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_precision_is_that_of_the_training() -> None:
    net = nn.Sequential(*(scaling(2.0) for _ in range(3)))
    seen = set()
    net[1].register_forward_hook(lambda module, given, result: seen.add(result.dtype))
    for products in ("bf16", "fp32", "bf16"):
        assert [link.factor for link in chain(net, products=products)] == pytest.approx([2, 2, 2])
    assert seen == {torch.bfloat16, torch.float32}


def test_two_views_of_a_row_count_together() -> None:
    class Twice(Sum):
        def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:  # type: ignore[override]
            return {"loss": self.net(batch["x"]).sum() + 2 * self.net(batch["x"]).sum()}

    objective = Twice(nn.Sequential(scaling(3.0), scaling(3.0)))
    links = depth.factors(objective, layers(objective), [{"x": torch.ones(2, 4)}])
    assert [link.factor for link in links] == pytest.approx([3, 3])
