"""Histograms of weights and outputs by epoch: what stands still, what has died, and how much is kept."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.training.audit import histograms
from chainrule.training.audit.layers import layers


class Net(nn.Module):
    """Layers under a loss that draws at random and has a buffer, in training as in evaluation."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*parts)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        self.get_buffer("calls").add_(1)
        hidden = torch.rand(len(batch["x"]), 1) < 0.5
        return {"loss": self.net(batch["x"] * hidden).pow(2).mean()}


def net(*parts: nn.Module) -> Net:
    torch.manual_seed(0)
    return Net(*(parts or (nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))))


def noted(objective: nn.Module, epochs: int = 2, change: Any = lambda: None) -> dict[str, Any]:
    """Return the record of an objective that is changed after each epoch."""
    found = layers(objective)
    record = histograms.begin(found)
    rows = [{"x": torch.randn(32, 8, generator=torch.Generator().manual_seed(1))}]
    for epoch in range(epochs + 1):
        histograms.note(record, epoch, objective, found, rows)
        change()
    return record


def test_what_does_not_learn_stands_still_and_what_learns_is_followed() -> None:
    objective = net()

    def grow() -> None:
        with torch.no_grad():
            objective.net[2].weight *= 2

    record = noted(objective, change=grow)
    first, second, third = zip(*record["weights"], strict=True)
    assert first[0] == first[1] == first[2]
    assert third[0] == third[2]
    assert [each["spread"] / second[0]["spread"] for each in second] == pytest.approx([1, 2, 4], rel=1e-3)
    assert second[0]["counts"] == second[2]["counts"], "each epoch has an axis of its own"
    outputs = list(zip(*record["outputs"], strict=True))
    assert outputs[0][0] == outputs[0][2]
    assert outputs[1][2]["spread"] > 2 * outputs[1][0]["spread"]


def test_units_that_die_are_zeros() -> None:
    objective = net()

    def kill() -> None:
        nn.init.constant_(objective.net[0].bias[:12], -100.0)

    record = noted(objective, change=kill)
    alive, dead = (line[0] for line in (record["outputs"][0], record["outputs"][-1]))
    assert alive["zeros"] < 0.6
    assert 0.75 <= dead["zeros"] < 1
    assert dead["counts"][0] >= 0.75 * sum(dead["counts"])
    assert [line[0]["zeros"] for line in record["weights"]] == [0, 0, 0]


def test_looking_changes_nothing() -> None:
    objective = net(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 8)).train()
    objective.net[1].eval()
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    modes = [module.training for module in objective.modules()]
    torch.manual_seed(5)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    record = noted(objective)
    assert torch.equal(torch.rand(3), drawn)
    assert [module.training for module in objective.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in objective.state_dict().items())
    assert record["outputs"][0] == record["outputs"][1], "the same rows, hidden alike"
    assert record["outputs"][0][0]["zeros"] == 0, "nothing was dropped"


@pytest.mark.parametrize("epochs", [1, 16, 17, 40, 1000])
def test_a_long_training_has_a_short_record_with_its_start_and_its_end(epochs: int) -> None:
    record = noted(net(nn.Linear(8, 4)), epochs)
    kept = record["epochs"]
    assert len(kept) == len(record["weights"]) == len(record["outputs"]) <= histograms.MOST_EPOCHS + 2
    assert (kept[0], kept[-1]) == (0, epochs)
    assert all(epoch % record["every"] == 0 for epoch in kept[:-1])
    assert len(kept) > min(epochs, 8)


def test_a_deep_net_is_looked_at_here_and_there() -> None:
    record = noted(net(*(nn.Linear(8, 8) for _ in range(200))), 40)
    assert len(record["layers"]) == histograms.MOST_LAYERS
    assert (record["layers"][0], record["layers"][-1]) == (0, 199)
    assert len(json.dumps(record)) < 400_000


def test_some_numbers_stand_for_many() -> None:
    objective = net(nn.Linear(8, 100_000, bias=False))
    with torch.no_grad():  # a pattern along both axes, which picking every so many would follow
        objective.net[0].weight[:] = torch.arange(8).remainder(4) - 1.5
    found = noted(objective, 0)["weights"][0][0]
    assert sum(found["counts"]) == histograms.MOST_NUMBERS
    for place in (0, 10, 21, 31):
        assert found["counts"][place] / histograms.MOST_NUMBERS == pytest.approx(0.25, abs=0.02)


def test_numbers_that_are_none_and_all_the_same() -> None:
    odd = histograms.histogram(np.array([np.nan, 1.0, np.inf, 2.0], dtype=np.float32))
    assert odd is not None
    assert sum(odd["counts"]) == 2
    assert histograms.histogram(np.array([np.nan], dtype=np.float32)) is None
    for value in (0.0, -3.0, 1e30):
        level = histograms.histogram(np.full(7, value, dtype=np.float32))
        assert level is not None
        assert sum(level["counts"]) == 7
        assert level["low"] < level["high"]
        json.dumps(level, allow_nan=False)


def test_a_layer_that_is_not_called_has_no_outputs() -> None:
    objective = net(nn.Linear(8, 4))
    objective.add_module("beside", nn.Linear(2, 2))
    record = noted(objective)
    assert record["outputs"][0][-1] is None
    assert record["weights"][0][-1] is not None
