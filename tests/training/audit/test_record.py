"""What is recorded around updates, and what is said of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.training.audit import recording, verdicts


class Squares(nn.Module):
    """A net under a squared error."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*layers)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        return {"loss": (self.net(batch["x"]) - batch["y"]).pow(2).mean()}


def batches() -> Iterator[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    while True:
        yield {"x": torch.randn(16, 8, generator=generator), "y": torch.randn(16, 8, generator=generator)}


def trained(objective: nn.Module, updates: int = 12, rate: float = 0.01, every: int = 2) -> dict[str, Any]:
    """Train by plain gradient descent with the audit around each update and return its record."""
    record = recording.begin(objective, every)
    around = recording.around_update(objective, lambda: [next(batches())], record)
    optimizer = torch.optim.SGD([weight for weight in objective.parameters() if weight.requires_grad], lr=rate)
    for update, batch in zip(range(updates), batches(), strict=False):
        objective(batch)["loss"].backward()
        with around(update):
            optimizer.step()
        optimizer.zero_grad()
    return record


def linear(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(8, 8)


def kinds(record: dict[str, Any], clipped: bool = False) -> dict[str, list[str]]:
    return {verdict.kind: verdict.layers for verdict in verdicts.verdicts(record, clipped)}


def test_gradient_descent_steps_by_rate_times_gradient() -> None:
    record = trained(Squares(linear(), nn.ReLU(), linear(1)), rate=0.125)
    assert record["updates"] == [0, 2, 4, 6, 8, 10]
    assert [layer["name"] for layer in record["layers"]] == ["0", "2"]
    assert [layer["parameters"] for layer in record["layers"]] == [72, 72]
    for steps, gradients in zip(record["step"], record["gradient"], strict=True):
        assert steps == pytest.approx([0.125 * norm for norm in gradients], rel=1e-3)


def test_the_norm_of_weights_is_that_before_the_update() -> None:
    objective = Squares(linear())
    norm = torch.cat([weight.detach().flatten() for weight in objective.parameters()]).norm()
    assert trained(objective, updates=1)["weight"] == [[pytest.approx(float(norm), rel=1e-3)]]


def test_a_layer_that_does_not_learn_has_nothing_measured() -> None:
    objective = Squares(linear(), nn.ReLU(), linear(1))
    objective.net[0].requires_grad_(False)
    record = trained(objective)
    assert all(line[0] is None for quantity in ("gradient", "weight", "step", "dead") for line in record[quantity])
    assert all(line[1] is not None for quantity in ("gradient", "weight", "step", "dead") for line in record[quantity])
    assert [link["name"] for link in record["chains"][0]["links"]] == ["0", "2"]


def test_a_healthy_net_is_not_warned_of() -> None:
    assert kinds(trained(Squares(linear(), nn.ReLU(), linear(1), nn.ReLU(), linear(2)))) == {}


def test_a_stack_of_sigmoids_vanishes() -> None:
    """The slope of a sigmoid is at most a quarter."""
    layers = [nn.Sequential(linear(seed), nn.Sigmoid()) for seed in range(12)]
    found = kinds(trained(Squares(*layers, linear(20))))
    assert set(found["vanishing"]) >= {"0", "1", "2"}
    assert "11" not in found["vanishing"]


def test_large_weights_explode() -> None:
    layers = [nn.Linear(8, 8, bias=False) for _ in range(8)]
    for layer in layers:
        nn.init.constant_(layer.weight, 2.0)
    assert "0" in kinds(trained(Squares(*layers), updates=1))["exploding"]


def test_a_dead_layer_is_named() -> None:
    dead = linear()
    nn.init.constant_(dead.bias, -100.0)
    record = trained(Squares(linear(1), nn.Sequential(dead, nn.ReLU()), linear(2)))
    assert all(line[1] == 1.0 for line in record["dead"])
    found = {verdict.kind: verdict for verdict in verdicts.verdicts(record, False)}
    assert "1" in found["dead"].layers
    assert "100% of 1" in found["dead"].said


def test_embeddings_of_words_that_a_batch_lacks_are_not_dead() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Embedding(1000, 4), nn.Linear(4, 4))

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
            return {"loss": self.net(batch["x"].long().abs()).pow(2).mean()}

    record = trained(Words())
    assert all(line == [None, 0.0] for line in record["dead"])


def test_steps_too_large_and_too_small_name_the_rate() -> None:
    for rate, kind in ((20.0, "fast"), (1e-9, "slow")):
        found = {verdict.kind: verdict for verdict in verdicts.verdicts(trained(Squares(linear()), rate=rate), True)}
        assert found[kind].keys == ["learning_rate"]
        assert "finetune.learning_rate" in verdicts.in_words(found[kind], "finetune")


def test_a_spike_is_said_where_nothing_clips_it() -> None:
    record = trained(Squares(linear(), linear(1)))
    record["gradient"][3][1] = 1e6
    found = {verdict.kind: verdict for verdict in verdicts.verdicts(record, False)}
    assert found["exploding"].layers == ["1"]
    assert "update 6" in found["exploding"].said
    assert "gradient_clip" in found["exploding"].keys
    assert kinds(record, clipped=True) == {}


def test_a_long_training_has_a_short_record() -> None:
    record = trained(Squares(nn.Linear(8, 8)), updates=1700, every=1, rate=0.0)
    assert len(record["updates"]) <= recording.MOST_UPDATES
    assert len(record["chains"]) <= recording.MOST_CHAINS
    assert record["updates"] == list(range(0, 1700, record["every"]))
    assert [chain["update"] for chain in record["chains"]] == list(range(0, 1700, record["chain_every"]))
    assert len(json.dumps(record)) < 60_000


def test_a_record_goes_on_from_its_json() -> None:
    torch.manual_seed(0)
    whole = trained(Squares(linear()), updates=12, rate=0.0)
    objective = Squares(linear())
    record = trained(objective, updates=6, rate=0.0)
    record = json.loads(json.dumps(record))
    around = recording.around_update(objective, lambda: [next(batches())], record)
    for update, batch in zip(range(12), batches(), strict=False):
        if update >= 6:
            objective.zero_grad()
            objective(batch)["loss"].backward()
            with around(update):
                pass
    assert record == whole
