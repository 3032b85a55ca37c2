"""The audit beside a real training: it changes nothing, ends the same after a kill, and says where a number broke."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.stages.audited import Audit
from chainrule.stages.job import Job
from chainrule.system.errors import ChainruleError
from chainrule.tasks.image_classification import model as task
from chainrule.training import strategy
from chainrule.training.course import Course
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.strategies import gradual, head_only
from chainrule.training.targets.label import Loss
from small_trainings import FACTS, SETTINGS, KilledError, dying, fit, images, same, small_objective, weights

COURSES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": {"accumulation": 3, "optimizer": "sgd"},
    "bf16": {"precision": "bf16"},
    "unclipped": {"gradient_clip": None},
}


def audit(objective: nn.Module, rows: Inputs, **changes: Any) -> Audit:
    """Return the audit that a stage would put beside the training of `fit`."""
    course = Course(**(SETTINGS | changes))
    return Audit(Job("finetune", "mine", Path(), {"seed": course.seed}), course, 2, objective, rows)


def watchers(beside: Audit) -> dict[str, Any]:
    """Return what the training loop is told of an audit, as a stage tells it."""
    return {"on_epoch": lambda record: beside.end_epoch(record["epoch"]), **beside.watchers()}


def frozen(name: str, objective: nn.Module) -> dict[str, Any]:
    """Return the strategy of that name for an objective, as the loop takes it."""
    module, options = {"head_only": (head_only, {"rate": 10.0}), "gradual": (gradual, {"per_epoch": 1})}[name]
    return {"strategy": strategy.of(module, options, objective.get_submodule("model"))}


@pytest.mark.parametrize("name", COURSES)
def test_the_weights_are_the_same_bytes_with_it_and_without(name: str) -> None:
    plain, audited = small_objective(), small_objective()
    rows, course = images(24, shift=1, flip=True), COURSES[name]
    history = fit(plain, rows, images(8, seed=1), **course)
    beside = audit(audited, rows, **course)
    assert fit(audited, rows, images(8, seed=1), **course, **watchers(beside)) == history
    assert same(weights(plain), weights(audited))
    assert len(beside.record["updates"]) == len(beside.record["step"]) >= 2
    assert beside.record["chains"][0]["links"]
    assert beside.record["histograms"]["epochs"] == [0, 1, 2]


@pytest.mark.parametrize("name", ["head_only", "gradual"])
def test_what_does_not_learn_yet_has_no_gradient_and_a_place_in_the_chain(name: str) -> None:
    plain, objective = small_objective(), small_objective()
    rows = images(24)
    fit(plain, rows, images(8, seed=1), **frozen(name, plain))
    beside = audit(objective, rows)
    fit(objective, rows, images(8, seed=1), **frozen(name, objective), **watchers(beside))
    assert same(weights(plain), weights(objective))
    names = [layer["name"] for layer in beside.record["layers"]]
    learning = [
        {name for name, norm in zip(names, line, strict=True) if norm is not None} for line in beside.record["gradient"]
    ]
    assert learning[0] == {"head"}
    assert (learning[-1] == {"head"}) == (name == "head_only")
    assert [link["name"] for link in beside.record["chains"][0]["links"] if link["block"]] == names
    spread = beside.record["histograms"]["weights"]
    moved = {name for place, name in enumerate(names) if spread[0][place] != spread[-1][place]}
    assert moved == ({"head"} if name == "head_only" else set(learning[-1]))


def test_killed_at_any_batch_the_record_ends_the_same(tmp_path: Path) -> None:
    def data(takes: int | None) -> tuple[Inputs, Inputs]:
        mortal = dying(takes) if takes is not None else lambda inputs: inputs
        return mortal(images(24)), mortal(images(8, seed=1))

    whole = audit(small_objective(), images(24))
    fit(whole.objective, *data(None), **watchers(whole))
    for takes in (1, 3, 5, 8):
        checkpoint = tmp_path / f"{takes}.safetensors"
        killed = audit(small_objective(), images(24))
        with pytest.raises(KilledError):
            fit(killed.objective, *data(takes), checkpoint=checkpoint, save_seconds=0, **watchers(killed))
        again = audit(small_objective(seed=99 if checkpoint.exists() else 0), images(24))
        fit(again.objective, *data(None), checkpoint=checkpoint, save_seconds=0, **watchers(again))
        assert json.dumps(again.found()) == json.dumps(whole.found()), f"killed at batch {takes}"


class Overflowing(nn.Module):
    """Lets everything through until it has been called so often in training; from then on its output is infinite."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))

    def forward(self, maps: Tensor) -> Tensor:
        if self.training:
            self.get_buffer("done").add_(1)
        return maps * (torch.inf if int(self.get_buffer("done")) > self.calls else 1.0)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_planted_infinity_is_named_with_its_module_and_batch(accumulation: int) -> None:
    torch.manual_seed(0)
    net = cnn.build(1, width=3, depth=2, dropout=0.0)
    net.layers.insert(3, Overflowing(calls=5))  # the sixth batch: the second of the second epoch of four
    objective = Supervised(task.build(net, FACTS, {"classes": ["a", "b"]}), Loss())
    with pytest.raises(ChainruleError) as failed:
        fit(objective, images(24), images(8, seed=1), accumulation=accumulation)
    said = str(failed.value)
    assert said.startswith("epoch 2, batch 2: the loss is nan: ")
    assert "model.net.layers.3 (Overflowing)" in said
    assert "lower finetune.learning_rate (now 0.01) or finetune.gradient_clip (now 1)" in said


def test_weights_that_an_update_spoilt_are_named() -> None:
    objective = small_objective()
    with pytest.raises(
        ChainruleError, match=r"epoch 1, batch 2: the loss is nan: the weights model\.net\.layers\.0\.weight"
    ):
        fit(objective, images(24), images(8, seed=1), learning_rate=torch.inf, schedule="constant", gradient_clip=None)


def test_a_warning_names_the_layer_and_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    objective, rows = small_objective(), images(24)
    course = {"optimizer": "sgd", "learning_rate": 1e-9, "epochs": 3}
    beside = audit(objective, rows, **course)
    fit(objective, rows, images(8, seed=1), **course, **watchers(beside))
    lines = [line for line in capsys.readouterr().out.splitlines() if "WARNING" in line]
    assert len(lines) == 1, "said once, not after every epoch"
    assert lines[0].startswith("finetune@mine: WARNING: slow: a step moves ")
    assert lines[0].endswith("look at finetune.learning_rate")
    assert [found["kind"] for found in beside.found()["verdicts"]] == ["slow"]
