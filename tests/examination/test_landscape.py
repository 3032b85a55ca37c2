"""The loss around weights: a surface that is known, directions as long as the weights, and a model left as it was."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import landscape, surface

STEPS = [-1.0, -0.5, 0.0, 0.5, 1.0]


class Quadratic(nn.Module):
    """A loss that is known everywhere: half the squared distance of the weights from a point."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, -1.0]]))
        self.bias = nn.Parameter(torch.tensor([5.0]))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = 0.5 * (self.weight - batch["to"]).square().sum() + self.bias.sum()
        return {"loss": loss, "count": torch.tensor(1)}


def test_the_surface_of_a_quadratic() -> None:
    model = Quadratic()
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    along = (
        {"weight": torch.tensor([[1.0, 0.0], [0.0, 0.0]])},
        {"weight": torch.tensor([[0.0, 0.0], [0.0, 2.0]])},
    )
    loss = landscape.mean_loss(model, [{"to": torch.zeros(2, 2)}])
    found = landscape.losses(loss, weights, along, STEPS)
    across, up = np.meshgrid(STEPS, STEPS)
    assert np.allclose(found, 0.5 * ((1 + across) ** 2 + 4 + 9 + (-1 + 2 * up) ** 2) + 5)


def test_rings_of_a_bowl_are_its_own_values() -> None:
    across, up = np.meshgrid(STEPS, STEPS)
    assert landscape.rings(np.hypot(across, up) * 0 + 3, STEPS) == [(0.0, 3.0), (0.5, 3.0), (1.0, 3.0)]
    far = landscape.rings(np.where((across == 0) & (up == 0), 1.0, 2.0), STEPS)
    assert far == [(0.0, 1.0), (0.5, 2.0), (1.0, 2.0)]


def test_a_loss_is_the_mean_over_rows_not_over_batches() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1))

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"loss": (self.weight * batch["x"]).mean(), "count": torch.tensor(len(batch["x"]))}

    loss = landscape.mean_loss(Mean(), [{"x": torch.ones(3)}, {"x": torch.tensor([5.0])}])
    assert loss({"weight": torch.ones(1, 1)}) == 2.0


def test_each_filter_of_a_direction_is_as_long_as_the_weights() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Linear(4, 6))
    with torch.no_grad():
        model[0].weight[2] = 0.0
        model[2].weight *= 100
    weights = dict(model.named_parameters())
    found = landscape.direction(weights, torch.Generator().manual_seed(0))
    assert sorted(found) == ["0.weight", "2.weight"]  # no bias, nothing of the norm
    for name, part in found.items():
        assert torch.allclose(part.flatten(1).norm(dim=1), weights[name].detach().flatten(1).norm(dim=1), atol=1e-4)
    again = landscape.direction(weights, torch.Generator().manual_seed(0))
    assert all(torch.equal(found[name], again[name]) for name in found)


class Batched(nn.Module):
    """A net with statistics that a training would move, and its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = nn.functional.cross_entropy(self.net(batch["image"]), batch["target"])
        return {"loss": loss, "count": torch.tensor(len(batch["target"]))}


def test_the_model_is_the_same_bytes_afterwards() -> None:
    torch.manual_seed(0)
    model = Batched().eval()
    before = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    along = (landscape.direction(weights, generator), landscape.direction(weights, generator))
    batch = {"image": torch.rand(6, 1, 8, 8), "target": torch.arange(6) % 3}
    found = landscape.losses(landscape.mean_loss(model, [batch]), weights, along, STEPS)
    assert {name: value.numpy().tobytes() for name, value in model.state_dict().items()} == before
    assert all(weight.grad is None for weight in model.parameters())
    assert found[2, 2] == pytest.approx(float(model(batch)["loss"].detach()), abs=1e-6)
    assert len(np.unique(found)) == found.size


@pytest.mark.parametrize(
    ("work", "count", "steps", "most", "expected"),
    [
        (0, 200, 5, 1, (200, 5)),  # nothing to multiply
        (10**6, 200, 5, 100, (200, 5)),
        (10**6, 200, 5, 20, (165, 5)),  # fewer rows
        (10**8, 200, 5, 100, (40, 2)),  # and fewer steps
        (10**8, 10, 5, 200, (10, 5)),
    ],
)
def test_what_a_surface_may_cost(work: int, count: int, steps: int, most: int, expected: tuple[int, int]) -> None:
    found = surface.affordable(work, count, steps, most)
    assert found == expected
    assert found[0] * (2 * found[1] + 1) ** 2 * work <= most * 10**9


def test_a_net_too_large_says_which_setting_would_do() -> None:
    with pytest.raises(NotShownError, match=r"take 800 G multiply-adds; .*surface_work allows 100 G"):
        surface.affordable(10**9, 200, 5, 100)


def test_the_words_of_a_surface() -> None:
    numbers = {"loss": 0.1, "lowest": 0.05, "rings": [[0.0, 0.1], [1.0, None]], "doubled_at": 0.5, "not_finite": 3}
    said = " ".join(surface.in_words(numbers))
    assert "0.1 at the weights, and on average no finite number at the edge" in said
    assert "moved by 50% of its length" in said
    assert "at no minimum" in said
    assert "At 3 points it is no finite number" in said
    assert "Flat" in " ".join(surface.in_words(numbers | {"doubled_at": None}))


def test_the_picture_is_the_same_bytes_and_bears_what_is_not_finite() -> None:
    found = np.add.outer(np.square(STEPS), np.square(STEPS)) + 0.1
    found[0, 0] = np.inf
    found[4, 4] = np.nan
    one, two = (surface.picture(found, np.array(STEPS)) for _ in range(2))
    assert one == two
    assert one.startswith(b"\x89PNG")
    flat = surface.picture(np.full((5, 5), 0.25), np.array(STEPS))
    assert flat.startswith(b"\x89PNG")
