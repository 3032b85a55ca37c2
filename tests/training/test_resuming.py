"""A training that was killed and is called again ends as one that was not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import training_project
from chainrule.nets import cnn
from chainrule.recipes.training import Finetune
from chainrule.system.files import write_rows
from chainrule.tasks.image_classification import model as task
from chainrule.training import models, start, strategy
from chainrule.training.course import Record
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.strategies import adversarial, distillation, full, gradual, joint, lora
from chainrule.training.targets.label import Loss
from small_trainings import FACTS, KilledError, dying, fit, images, same, small_objective, weights


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


CLASSES = {"classes": ["down", "up"]}
STRATEGIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "full": (full, {}),
    "gradual": (gradual, {"per_epoch": 1}),
    "lora": (lora, {"rank": 2, "alpha": 4, "targets": None}),
    "distillation": (distillation, {"weight": 0.5, "temperature": 2.0, "features": 1.0}),
    "joint": (joint, {"weight": 1.0}),
    "adversarial": (adversarial, {"epsilon": 20.0, "steps": 2, "step_size": None}),
}
BLOCK = {"task": "image_classification", "modality": "image", "target": "label", "base": {"from": "finetuned/other"},
         "net": {"name": "cnn", "width": 3, "depth": 2, "dropout": 0.2}}  # fmt: skip
LEARNT = {"label_smoothing": 0.1, "loss": {"name": "cross_entropy", "class_weights": "none"}}
FINETUNE = {"epochs": 2, "batch_size": 6, "optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.0,
            "schedule": "constant", "warm_up": 0.0, "strategy": {}, "loss": LEARNT["loss"],
            "distort": {"shift": 1, "flip": True}}  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a base as a recipe's fine-tuned model and its rows make it."""
    folder = tmp_path / "base"
    folder.mkdir()
    other = small_objective(seed=5).get_submodule("model")
    models.save_model(folder, other, BLOCK, FACTS, CLASSES, LEARNT)
    write_rows(folder / start.ROWS, training_project.images(16, side=6))
    return folder


def with_strategy(name: str, objective: nn.Module, base: Path) -> tuple[nn.Module, strategy.Strategy]:
    """Return what is trained under a strategy, and the strategy."""
    module, options = STRATEGIES[name]
    given = strategy.Given(base, BLOCK, Finetune(**FINETUNE), FACTS, CLASSES, 3, print)
    chosen = strategy.of(module, options, objective.get_submodule("model"), given)
    return strategy.StrategyLoss(objective, chosen), chosen


@pytest.mark.parametrize(
    ("optimizer", "accumulation", "name"),
    [
        *((optimizer, accumulation, name)
          for optimizer in ("nesterov", "adamw") for accumulation in (1, 3) for name in ("full", "gradual")),
        *(("adamw", 1, name) for name in ("lora", "distillation", "joint", "adversarial")),
    ],
)  # fmt: skip
def test_killed_at_any_batch_and_called_again_ends_the_same_to_the_last_bit(
    optimizer: str, accumulation: int, name: str, tmp_path: Path, base: Path
) -> None:
    changes: dict[str, Any] = {"optimizer": optimizer, "accumulation": accumulation}

    def train(objective: nn.Module, *rows: Inputs, **more: Any) -> tuple[nn.Module, list[Record]]:
        trained, chosen = with_strategy(name, objective, base)
        return trained, fit(trained, *rows, **changes, strategy=chosen, **more)

    def data(mortal: Callable[[Inputs], Inputs]) -> tuple[Inputs, Inputs]:
        return mortal(images(24, shift=1, flip=True)), mortal(images(8, seed=1))

    whole, history = train(small_objective(), *data(lambda inputs: inputs))
    batches = 2 * (4 + 2)  # two epochs of four batches and two of validation
    for takes in range(batches):
        checkpoint = tmp_path / f"{takes}.safetensors"
        with pytest.raises(KilledError):
            train(small_objective(), *data(dying(takes)), checkpoint=checkpoint, save_seconds=0)
        objective = small_objective(seed=99)  # its weights must all come from the checkpoint, once there is one
        if not checkpoint.exists():
            assert takes <= accumulation, "nothing was saved after the first update"
            objective = small_objective()
        resumed, again = train(objective, *data(lambda inputs: inputs), checkpoint=checkpoint, save_seconds=0)
        assert again == history, f"killed at batch {takes}"
        assert same(weights(resumed), weights(whole)), f"killed at batch {takes}"


def test_killed_at_the_end_of_an_epoch_it_ends_the_same(tmp_path: Path) -> None:
    def die(record: Record) -> None:
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
    def die_at_the_second(record: Record) -> None:
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
    other = Supervised(task.build(cnn.build(1, width=4, depth=2, dropout=0.2), FACTS, {"classes": ["a", "b"]}), Loss())
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
