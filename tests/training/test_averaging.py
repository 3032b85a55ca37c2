"""The moving average of the weights: what it is, and that it is what is measured and kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule.training.course import Record
from small_trainings import KilledError, dying, fit, images, measured, same, small_objective, weights


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def states_after_updates(**settings: Any) -> list[dict[str, Tensor]]:
    """Return the weights of a training without an average, before it and after each update."""
    objective = small_objective()
    found = [weights(objective)]
    fit(objective, images(24), images(8), on_update=lambda record: found.append(weights(objective)), **settings)
    return found


@pytest.mark.parametrize("decay", [0.3, 0.99])
def test_the_average_is_that_of_the_weights_and_statistics_after_each_update(decay: float) -> None:
    states = states_after_updates(epochs=1)
    expected = states[0]
    for update, state in enumerate(states[1:]):
        share = min(decay, (1 + update) / (10 + update))
        expected = {name: share * expected[name] + (1 - share) * state[name] for name in state}
    averaged = small_objective()
    fit(averaged, images(24), images(8), epochs=1, ema=decay)
    found = weights(averaged)
    counters = {name for name, tensor in found.items() if not tensor.is_floating_point()}
    assert counters
    assert all(torch.equal(found[name], states[-1][name]) for name in counters)
    for name in found.keys() - counters:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-6)
    assert not torch.equal(found["model.net.layers.1.running_mean"], states[-1]["model.net.layers.1.running_mean"])


def test_the_average_is_what_is_measured_and_training_goes_on_from_the_weights() -> None:
    plain, averaged = small_objective(), small_objective()
    ends: list[list[dict[str, Tensor]]] = [[], []]
    histories: list[list[Record]] = []
    for objective, kept, ema in ((plain, ends[0], None), (averaged, ends[1], 0.9)):
        histories.append(
            fit(
                objective, images(24), images(8, seed=1), epochs=3, ema=ema,
                on_epoch=lambda record, kept=kept, objective=objective: kept.append(weights(objective)),
            )
        )  # fmt: skip
    assert all(same(one, other) for one, other in zip(*ends, strict=True))
    assert [record["train_loss"] for record in histories[0]] == [record["train_loss"] for record in histories[1]]
    best = next(record for record in reversed(histories[1]) if record["best"])
    left = measured(averaged, images(8, seed=1))
    assert left["validation_loss"] == best["validation_loss"]
    assert best["validation_loss"] not in [record["validation_loss"] for record in histories[0]]


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "adafactor"])
@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_killed_and_resumed_the_average_and_the_plateau_go_on(optimizer: str, schedule: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ema": 0.9, "epochs": 6, "optimizer": optimizer, "schedule": schedule}
    settings |= {"learning_rate": 0.03, "warm_up": 0.0}
    contrary = images(20, seed=1, contrary=True)  # learns what is worse: the plateau is reached
    whole = small_objective()
    history = fit(whole, images(24), contrary, **settings)
    assert history[-1]["learning_rate"] < 0.03
    for takes in (3, 8, 14, 21):
        checkpoint = tmp_path / f"{takes}.safetensors"
        with pytest.raises(KilledError):
            fit(
                small_objective(), dying(takes)(images(24)), contrary, checkpoint=checkpoint, save_seconds=0, **settings
            )
        resumed = small_objective(seed=99)
        assert fit(resumed, images(24), contrary, checkpoint=checkpoint, save_seconds=0, **settings) == history, takes
        assert same(weights(resumed), weights(whole)), takes
