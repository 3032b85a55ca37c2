from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.training import schedules
from chainrule.training.course import Record
from chainrule.training.objectives import masked_image
from chainrule.training.optimizers import make_optimizer
from small_trainings import FACTS, Linear, accuracy, fit, images, measured, same, small_objective, weights


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_seed_gives_the_same_weights_and_another_seed_others() -> None:
    ends = []
    for seed in (1, 1, 2):
        objective = small_objective()
        history = fit(objective, images(24, shift=1), images(8), seed=seed)
        ends.append((history, weights(objective)))
    assert ends[0][0] == ends[1][0]
    assert same(ends[0][1], ends[1][1])
    assert not same(ends[0][1], ends[2][1])


def test_randomness_used_before_a_training_changes_nothing() -> None:
    one, other = small_objective(), small_objective()
    torch.manual_seed(1)
    fit(one, images(24, shift=1), images(8))
    torch.manual_seed(2)
    fit(other, images(24, shift=1), images(8))
    assert same(weights(one), weights(other))


def test_every_epoch_and_step_draws_anew() -> None:
    orders: list[list[int]] = []
    rows = images(24)
    take = rows.take

    def noting(index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        assert generator is not None
        orders.append([*index.tolist(), int(torch.randint(10**9, (), generator=generator))])
        return take(index, None)

    rows.take = noting  # type: ignore[method-assign]
    fit(small_objective(), rows, images(8))
    epochs = [[row for batch in orders[start : start + 4] for row in batch[:-1]] for start in (0, 4)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(24))
    assert epochs[0] != epochs[1]
    assert len({batch[-1] for batch in orders}) == 8


def test_the_loss_falls() -> None:
    history = fit(small_objective(), images(60), images(20, seed=1), epochs=8, learning_rate=0.03, score=accuracy)
    assert [record["epoch"] for record in history] == list(range(1, 9))
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]
    assert history[-1]["validation_loss"] < 0.3
    assert history[-1]["validation_accuracy"] == 1.0


def test_leaves_the_weights_of_the_best_epoch_not_of_the_last() -> None:
    # What helps on the training rows hurts on the validation rows, so the first epoch is the best.
    settings: dict[str, Any] = {"schedule": "constant", "warm_up": 0.0}
    contrary = images(20, seed=1, contrary=True)
    once, longer = small_objective(), small_objective()
    fit(once, images(24), contrary, epochs=1, **settings)
    history = fit(longer, images(24), contrary, epochs=4, **settings)
    losses = [record["validation_loss"] for record in history]
    assert losses.index(min(losses)) == 0
    assert losses[-1] > losses[0]
    assert [record["best"] for record in history] == [True, False, False, False]
    assert same(weights(longer), weights(once))
    left = measured(longer, contrary)
    assert left["validation_loss"] == losses[0]
    assert not longer.training


def test_another_number_than_the_loss_may_say_which_epoch_is_best() -> None:
    contrary = images(20, seed=1, contrary=True)
    told = iter([0.5, 0.2, 0.3])
    history = fit(
        small_objective(),
        images(24),
        contrary,
        epochs=3,
        score=lambda outputs, target: {"error": next(told)},
        decides="validation_error",
    )
    assert [record["best"] for record in history] == [True, True, False]


def test_stops_when_patience_is_over() -> None:
    contrary = images(20, seed=1, contrary=True)
    settings: dict[str, Any] = {"schedule": "constant", "warm_up": 0.0, "epochs": 9}
    assert len(fit(small_objective(), images(24), contrary, patience=2, **settings)) == 1 + 2
    assert len(fit(small_objective(), images(24), contrary, patience=None, **settings)) == 9


def test_patience_starts_again_at_every_better_epoch() -> None:
    history = fit(small_objective(), images(60), images(20, seed=1), epochs=5, learning_rate=0.003, patience=1)
    losses = [record["validation_loss"] for record in history]
    rises = [epoch for epoch in range(1, len(losses)) if losses[epoch] > losses[epoch - 1]]
    assert len(losses) == (rises[0] + 1 if rises else 5)
    assert len(losses) > 2


def test_small_batches_accumulated_equal_one_large_batch() -> None:
    settings: dict[str, Any] = {"optimizer": "nesterov", "gradient_clip": None, "learning_rate": 0.1}
    small, large = Linear(), Linear()
    in_parts = fit(small, images(44), images(8), batch_size=4, accumulation=3, **settings)
    at_once = fit(large, images(44), images(8), batch_size=12, accumulation=1, **settings)
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-5, atol=1e-6)
    assert [record["learning_rate"] for record in in_parts] == [record["learning_rate"] for record in at_once]
    assert not torch.allclose(small.layer.weight, Linear().layer.weight, atol=1e-3)


@pytest.mark.parametrize("schedule", ["one_cycle", "linear", "cosine", "constant"])
def test_the_learning_rate_follows_the_schedule(schedule: str) -> None:
    points: list[Record] = []
    history = fit(Linear(), images(30), images(8), epochs=3, accumulation=2, schedule=schedule, on_update=points.append)
    updates = 3 * 3  # five batches make two updates of two and one of the one that is left
    expected = [0.01 * schedules.factor(schedule, update, updates, 0.3) for update in range(updates)]
    assert [point["update"] for point in points] == list(range(updates))
    assert [point["learning_rate"] for point in points] == expected
    assert [record["learning_rate"] for record in history] == expected[2::3]


def test_the_weights_move_by_the_scheduled_learning_rate() -> None:
    settings: dict[str, Any] = {
        "optimizer": "nesterov", "gradient_clip": None, "weight_decay": 0.0,
        "epochs": 1, "batch_size": 24, "learning_rate": 1.0,
    }  # fmt: skip
    start, level, rising = Linear(), Linear(), Linear()
    fit(level, images(24), images(8), schedule="constant", warm_up=0.0, **settings)
    fit(rising, images(24), images(8), schedule="one_cycle", warm_up=0.9, **settings)
    moved = level.layer.weight - start.layer.weight
    assert moved.abs().max() > 1e-3
    torch.testing.assert_close(25 * (rising.layer.weight - start.layer.weight), moved, rtol=1e-3, atol=1e-5)


def test_a_gradient_is_clipped_only_where_a_limit_is_given() -> None:
    settings: dict[str, Any] = {
        "optimizer": "nesterov", "schedule": "constant", "warm_up": 0.0,
        "weight_decay": 0.0, "epochs": 1, "batch_size": 24, "learning_rate": 1.0,
    }  # fmt: skip
    start = weights(Linear())
    lengths = []
    for limit in (1e-3, None):
        objective = Linear()
        fit(objective, images(24), images(8), gradient_clip=limit, **settings)
        change = torch.cat([(tensor - start[name]).flatten() for name, tensor in weights(objective).items()])
        lengths.append(float(change.norm()))
    assert lengths[0] == pytest.approx(1.9e-3, rel=0.01)  # Nesterov: the first step is (1 + momentum) gradients long
    assert lengths[1] > 10 * lengths[0]


def test_around_an_update_the_whole_gradient_is_there_unclipped_and_then_the_weights_have_moved() -> None:
    objective = Linear()
    seen: list[tuple[int, float, bool]] = []

    @contextmanager
    def around(update: int) -> Iterator[None]:
        gradient, before = objective.layer.weight.grad, weights(objective)
        assert gradient is not None
        norm = float(gradient.norm())
        yield
        seen.append((update, norm, same(weights(objective), before)))

    settings: dict[str, Any] = {"gradient_clip": 1e-3, "learning_rate": 1.0, "optimizer": "nesterov"}
    fit(objective, images(24), images(8), epochs=1, accumulation=4, around_update=around, **settings)
    whole = Linear()
    whole({**images(24).take(torch.arange(24), None)})["loss"].backward()
    assert whole.layer.weight.grad is not None
    assert [(update, still) for update, _, still in seen] == [(0, False)]
    assert seen[0][1] == pytest.approx(float(whole.layer.weight.grad.norm()), rel=1e-4)


def test_norms_and_biases_do_not_decay() -> None:
    optimizer = make_optimizer(small_objective(), "adamw", 0.1, 0.5)
    decays = {
        parameter.ndim: group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]
    }
    assert decays == {4: 0.5, 2: 0.5, 1: 0.0}


def test_validation_does_not_disturb_training() -> None:
    courses = []
    for validation in (images(4, seed=1), images(40, seed=2)):
        objective = small_objective()
        states: list[dict[str, Tensor]] = []
        history = fit(
            objective, images(24, shift=1), validation,
            epochs=3, on_epoch=lambda record, kept=states, net=objective: kept.append(weights(net)),
        )  # fmt: skip
        courses.append(([record["train_loss"] for record in history], states, history[0]["validation_loss"]))
    assert courses[0][0] == courses[1][0]
    assert all(same(one, other) for one, other in zip(courses[0][1], courses[1][1], strict=True))
    assert courses[0][2] != courses[1][2]


def test_validation_loss_is_the_mean_over_rows_whatever_the_batches() -> None:
    objective = small_objective()
    rows = images(20)
    at_once = measured(objective, rows, accuracy, batch_size=20)
    in_parts = measured(objective, rows, accuracy, batch_size=7)
    assert in_parts["validation_loss"] == pytest.approx(at_once["validation_loss"], rel=1e-5)
    assert in_parts["validation_accuracy"] == at_once["validation_accuracy"]


def test_a_validation_hides_the_same_places_every_time() -> None:
    torch.manual_seed(0)
    net = cnn.build(1, width=3, depth=2, dropout=0.0)
    rows = images(20)
    rows.target = None
    objective = masked_image.build(net, FACTS, mask_ratio=0.5, patch=2, loss="l1")
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(measured(objective, rows)["validation_loss"])
    assert found[0] == found[1]


def test_without_a_score_there_are_losses_alone() -> None:
    class Brightness(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = nn.Parameter(torch.zeros(()))

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            error = (batch["image"].float() / 255 - self.level).square().mean()
            return {"loss": error, "count": torch.tensor(len(batch["image"]))}

    rows = images(24)
    rows.target = None
    history = fit(Brightness(), rows, rows, learning_rate=0.1)
    assert set(history[0]) == {"epoch", "train_loss", "learning_rate", "validation_loss", "best"}


def test_trainings_of_a_process_each_have_their_precision() -> None:
    ends, seen = [], []
    for precision in ("fp32", "bf16", "fp32", "bf16"):
        objective = small_objective()
        products: set[tuple[bool, torch.dtype]] = set()
        convolution = next(module for module in objective.modules() if isinstance(module, nn.Conv2d))
        convolution.register_forward_hook(
            lambda module, given, result, products=products: products.add((module.training, result.dtype))
        )
        history = fit(objective, images(24), images(8), precision=precision, score=accuracy)
        seen.append(products)
        ends.append((history, weights(objective)))
    assert seen[0] == {(True, torch.float32), (False, torch.float32)}
    assert seen[1] == {(True, torch.bfloat16), (False, torch.bfloat16)}
    for one, other in ((0, 2), (1, 3)):
        assert seen[one] == seen[other]
        assert ends[one][0] == ends[other][0]
        assert same(ends[one][1], ends[other][1])
    assert not same(ends[0][1], ends[1][1])


def test_after_a_training_in_half_precision_a_model_computes_in_single() -> None:
    objective = small_objective()
    fit(objective, images(24), images(8), precision="bf16", epochs=1)
    batch = images(8).take(torch.arange(8), None)
    with torch.no_grad():
        assert objective(batch)["outputs"]["logits"].dtype == torch.float32


@pytest.mark.parametrize("patience", [None, 1])
def test_what_is_told_at_the_end_is_the_last_epoch_and_its_loss(patience: int | None) -> None:
    told: list[tuple[int, int, str]] = []
    history = fit(
        small_objective(), images(24), images(20, seed=1, contrary=True), epochs=4, patience=patience,
        on_batch=lambda done, total, note: told.append((done, total, note())),
    )  # fmt: skip
    assert len(history) < 4 if patience else len(history) == 4
    last = f"epoch {len(history)}/4 loss {history[-1]['train_loss']:.3f}"
    assert told[-1] == (4 * len(history), 4 * len(history), last)
    assert {note.split()[1] for _, _, note in told} == {f"{epoch}/4" for epoch in range(1, len(history) + 1)}
    assert not any("loss 0.000" in note for _, _, note in told), "of what nobody has read yet nothing is said"
