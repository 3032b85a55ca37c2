from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from chainrule.errors import ChainruleError
from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training import loop, schedules
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives import masked_image
from chainrule.training.strategies import full, head_only

FACTS: dict[str, Any] = {"channels": 1, "height": 6, "width": 6, "mean": [0.5], "std": [0.3]}
SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 6,
    "accumulation": 1,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "schedule": "one_cycle",
    "warm_up": 0.3,
    "gradient_clip": 1.0,
    "precision": "fp32",
    "seed": 3,
}


class KilledError(Exception):
    """Stands for a kill signal: nothing in the loop catches it."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images(rows: int, seed: int = 0, contrary: bool = False, **distort: Any) -> Inputs:
    """Make noise with a bright left (label 0) or right half (label 1); `contrary` swaps the labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    pixels = torch.randint(0, 120, (rows, 6, 6, 1), dtype=torch.uint8, generator=generator)
    for row, label in enumerate(labels.tolist()):
        pixels[row, :, 3 * label : 3 * label + 3] += 100
    return Inputs(pixels, 1 - labels if contrary else labels, FACTS, **distort)


def small_objective(seed: int = 0) -> nn.Module:
    """Build what a real recipe trains: channels last in memory, running averages, dropout, label smoothing."""
    torch.manual_seed(seed)
    net = cnn.build(1, width=3, depth=2, dropout=0.2).to(memory_format=torch.channels_last)
    return task.objective(task.build(net, FACTS, 2), 0.1)


class Linear(nn.Module):
    """An objective whose gradient of a batch is the mean over its rows, as no normalisation couples them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(36, 2)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        logits = self.layer(batch["image"].float().flatten(1) / 255)
        loss = nn.functional.cross_entropy(logits, batch["label"])
        return {"loss": loss, "logits": logits, "count": torch.tensor(len(logits))}


def fit(objective: nn.Module, rows: Inputs, validation: Inputs, **changes: Any) -> list[loop.Record]:
    return loop.fit(objective, rows, validation, **(SETTINGS | changes))


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def dying(takes: int) -> Callable[[Inputs], Inputs]:
    """Return a function that makes inputs die at the given number of batches taken from all of them together."""
    taken = 0

    def mortal(inputs: Inputs) -> Inputs:
        take = inputs.take

        def counted(index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
            nonlocal taken
            if taken == takes:
                raise KilledError
            taken += 1
            return take(index, generator)

        inputs.take = counted  # type: ignore[method-assign]
        return inputs

    return mortal


def freeze_head_only(objective: nn.Module) -> None:
    head_only.freeze(objective.get_submodule("model"))


def freeze_nothing(objective: nn.Module) -> None:
    full.freeze(objective.get_submodule("model"))


@pytest.mark.parametrize("freeze", [freeze_nothing, freeze_head_only])
@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_killed_at_any_batch_and_called_again_ends_the_same_to_the_last_bit(
    optimizer: str, accumulation: int, freeze: Callable[[nn.Module], None], tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"optimizer": optimizer, "accumulation": accumulation, "freeze": freeze}

    def data(mortal: Callable[[Inputs], Inputs]) -> tuple[Inputs, Inputs]:
        return mortal(images(24, shift=1, flip=True)), mortal(images(8, seed=1))

    whole = small_objective()
    history = fit(whole, *data(lambda inputs: inputs), **changes)
    batches = 2 * (4 + 2)  # two epochs of four batches and two of validation
    for takes in range(batches):
        checkpoint = tmp_path / f"{takes}.safetensors"
        with pytest.raises(KilledError):
            fit(small_objective(), *data(dying(takes)), checkpoint=checkpoint, save_seconds=0, **changes)
        resumed = small_objective(seed=99)  # its weights must all come from the checkpoint, once there is one
        if not checkpoint.exists():
            assert takes <= accumulation, "nothing was saved after the first update"
            resumed = small_objective()
        again = fit(resumed, *data(lambda inputs: inputs), checkpoint=checkpoint, save_seconds=0, **changes)
        assert again == history, f"killed at batch {takes}"
        assert same(weights(resumed), weights(whole)), f"killed at batch {takes}"


def test_killed_at_the_end_of_an_epoch_it_ends_the_same(tmp_path: Path) -> None:
    def die(record: loop.Record) -> None:
        if record["epoch"] == 1:
            raise KilledError

    whole, resumed = small_objective(), small_objective()
    history = fit(whole, images(24), images(8, seed=1))
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        fit(small_objective(), images(24), images(8, seed=1), checkpoint=checkpoint, save_seconds=0, on_epoch=die)
    assert fit(resumed, images(24), images(8, seed=1), checkpoint=checkpoint, save_seconds=0) == history
    assert same(weights(resumed), weights(whole))


def test_killed_after_every_update_it_ends_the_same(tmp_path: Path) -> None:
    def die_at_the_second(record: loop.Record) -> None:
        points.append(record["update"])
        if len(points) == 2:
            raise KilledError

    whole = small_objective()
    history = fit(whole, images(24), images(8, seed=1))
    checkpoint = tmp_path / "checkpoint.safetensors"
    deaths = 0
    while True:
        points: list[int] = []
        resumed = small_objective()
        try:
            again = fit(
                resumed, images(24), images(8, seed=1),
                checkpoint=checkpoint, save_seconds=0, on_update=die_at_the_second,
            )  # fmt: skip
            break
        except KilledError:
            deaths += 1
    assert deaths == 2 * 4 - 1
    assert again == history
    assert same(weights(resumed), weights(whole))


def test_says_where_it_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        fit(small_objective(), dying(5)(images(24)), images(4), checkpoint=checkpoint, save_seconds=0)
    assert capsys.readouterr().out == ""
    fit(small_objective(), images(24), images(4), checkpoint=checkpoint, save_seconds=0, label="finetune@mine")
    assert capsys.readouterr().out == "finetune@mine: resumes in epoch 2 of 2, batch 2\n"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def halve_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 4
    path.write_bytes(content)


def put_a_foreign_file(path: Path) -> None:
    save_file({"weight": torch.ones(3)}, path)


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def put_another_nets(path: Path) -> None:
    torch.manual_seed(0)
    other = task.objective(task.build(cnn.build(1, width=4, depth=2, dropout=0.2), FACTS, 2), 0.1)
    path.unlink()
    with pytest.raises(KilledError):
        fit(other, dying(5)(images(24)), images(4), checkpoint=path, save_seconds=0)


@pytest.mark.parametrize(
    "spoil",
    [truncate, halve_the_header, empty, flip_one_bit, put_a_foreign_file, put_a_folder, put_another_nets],
)
def test_a_checkpoint_that_cannot_be_used_is_dropped_and_training_starts_anew(
    spoil: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, again = small_objective(), small_objective()
    history = fit(whole, images(24), images(4))
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        fit(small_objective(), dying(5)(images(24)), images(4), checkpoint=checkpoint, save_seconds=0)
    spoil(checkpoint)
    capsys.readouterr()
    assert fit(again, images(24), images(4), checkpoint=checkpoint, save_seconds=0, label="finetune@mine") == history
    assert same(weights(again), weights(whole))
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith(f"finetune@mine: {checkpoint} is ")
    assert said.endswith(": dropped, training starts anew")
    fit(small_objective(), images(24), images(4), checkpoint=checkpoint, save_seconds=0, label="finetune@mine")
    assert "resumes in" in capsys.readouterr().out  # the new one is whole


def test_called_again_when_finished_trains_no_further(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    first, again = small_objective(), small_objective(seed=99)
    history = fit(first, images(24), images(8), checkpoint=checkpoint, save_seconds=0)
    untouched = dying(0)(images(24))  # dies as soon as a batch is asked for
    assert fit(again, untouched, images(8), checkpoint=checkpoint, save_seconds=0) == history
    assert same(weights(again), weights(first))


def test_when_checkpoints_are_written_changes_nothing(tmp_path: Path) -> None:
    found = []
    for number, save_seconds in enumerate([None, 0.0, 0.01, 1e9]):
        objective = small_objective()
        where = {} if save_seconds is None else {"checkpoint": tmp_path / f"{number}.safetensors"}
        timing = {} if save_seconds is None else {"save_seconds": save_seconds}
        found.append((fit(objective, images(24), images(8), **where, **timing), weights(objective)))
    assert all(history == found[0][0] and same(state, found[0][1]) for history, state in found)


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
    history = fit(small_objective(), images(60), images(20, seed=1), epochs=8, learning_rate=0.03)
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
    left = loop.evaluate(longer, contrary, 6, torch.device("cpu"), seed=SETTINGS["seed"])
    assert left["validation_loss"] == losses[0]
    assert not longer.training


def test_the_best_epoch_survives_a_kill(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"schedule": "constant", "warm_up": 0.0, "epochs": 4}
    contrary = images(20, seed=1, contrary=True)
    whole, resumed = small_objective(), small_objective()
    checkpoint = tmp_path / "checkpoint.safetensors"
    history = fit(whole, images(24), contrary, **settings)
    with pytest.raises(KilledError):
        fit(small_objective(), dying(13)(images(24)), contrary, checkpoint=checkpoint, save_seconds=0, **settings)
    assert fit(resumed, images(24), contrary, checkpoint=checkpoint, save_seconds=0, **settings) == history
    assert same(weights(resumed), weights(whole))


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
    settings: dict[str, Any] = {"optimizer": "sgd", "gradient_clip": None, "learning_rate": 0.1}
    small, large = Linear(), Linear()
    in_parts = fit(small, images(44), images(8), batch_size=4, accumulation=3, **settings)
    at_once = fit(large, images(44), images(8), batch_size=12, accumulation=1, **settings)
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-5, atol=1e-6)
    assert [record["learning_rate"] for record in in_parts] == [record["learning_rate"] for record in at_once]
    assert not torch.allclose(small.layer.weight, Linear().layer.weight, atol=1e-3)


@pytest.mark.parametrize("schedule", ["one_cycle", "warmup_linear", "warmup_cosine", "constant"])
def test_the_learning_rate_follows_the_schedule(schedule: str) -> None:
    points: list[loop.Record] = []
    history = fit(Linear(), images(30), images(8), epochs=3, accumulation=2, schedule=schedule, on_update=points.append)
    updates = 3 * 3  # five batches make two updates of two and one of the one that is left
    expected = [0.01 * schedules.factor(schedule, update, updates, 0.3) for update in range(updates)]
    assert [point["update"] for point in points] == list(range(updates))
    assert [point["learning_rate"] for point in points] == expected
    assert [record["learning_rate"] for record in history] == expected[2::3]


def test_the_weights_move_by_the_scheduled_learning_rate() -> None:
    settings: dict[str, Any] = {
        "optimizer": "sgd", "gradient_clip": None, "weight_decay": 0.0,
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
        "optimizer": "sgd", "schedule": "constant", "warm_up": 0.0,
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


def test_norms_and_biases_do_not_decay() -> None:
    optimizer = loop.make_optimizer(small_objective(), "adamw", 0.1, 0.5)
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
    device = torch.device("cpu")
    at_once = loop.evaluate(objective, rows, 20, device, seed=0)
    in_parts = loop.evaluate(objective, rows, 7, device, seed=0)
    assert in_parts["validation_loss"] == pytest.approx(at_once["validation_loss"], rel=1e-5)
    assert in_parts["validation_accuracy"] == at_once["validation_accuracy"]


def test_a_validation_hides_the_same_places_every_time() -> None:
    torch.manual_seed(0)
    net = cnn.build(1, width=3, depth=2, dropout=0.0)
    rows = images(20)
    rows.labels = None
    objective = masked_image.build(net, FACTS, mask_ratio=0.5, patch=2)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(loop.evaluate(objective, rows, 8, torch.device("cpu"), seed=3)["validation_loss"])
    assert found[0] == found[1]


def test_rows_without_labels_have_no_accuracy() -> None:
    class Brightness(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = nn.Parameter(torch.zeros(()))

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            error = (batch["image"].float() / 255 - self.level).square().mean()
            return {"loss": error, "logits": self.level, "count": torch.tensor(len(batch["image"]))}

    rows = images(24)
    rows.labels = None
    history = fit(Brightness(), rows, rows, learning_rate=0.1)
    assert set(history[0]) == {"epoch", "train_loss", "learning_rate", "validation_loss", "best"}


def test_a_training_that_diverges_says_what_to_lower() -> None:
    with pytest.raises(ChainruleError, match="lower learning_rate"):
        fit(Linear(), images(24), images(8), optimizer="sgd", learning_rate=1e38, gradient_clip=None)
