import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import shipped
from chainrule.nets import cnn
from chainrule.recipes.training import Training
from chainrule.runs.tracking import Run
from chainrule.stages import session
from chainrule.stages.job import Job
from chainrule.tasks.image_classification import model as task
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets.label import Loss
from small_trainings import accuracy

FACTS = {"channels": 1, "height": 6, "width": 6, "mean": [0.5], "std": [0.3]}
SETTINGS = {"epochs": 3, "batch_size": 4, "optimizer": "nesterov", "learning_rate": 0.01, "weight_decay": 0.0}
SETTINGS |= {"schedule": "one_cycle", "warm_up": 0.3, "precision": "fp32", "distort": {}}


def fit(job: Job) -> None:
    images, labels = torch.randint(0, 256, (12, 6, 6, 1), dtype=torch.uint8), torch.arange(12) % 2
    inputs = Inputs(images, labels, FACTS)
    model = task.build(cnn.build(1, width=2, depth=1, dropout=0.0), FACTS, {"classes": ["a", "b"]})
    settings = Training.model_validate(SETTINGS)
    objective = Supervised(model, Loss())
    session.fit(job, settings, objective, inputs, inputs, gains_from_bf16=False, score=accuracy)


def test_every_curve_in_mlflow_counts_one_kind_of_steps(tmp_path: Path) -> None:
    fit(Job("finetune", "mine", tmp_path, {"seed": 1}, Run(tmp_path, tmp_path)))
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    steps: dict[str, list[int]] = {}
    for event in events:
        for name in event["values"]:
            steps.setdefault(name, []).append(event["step"])
    assert steps.pop("training_seconds") == [0]
    updates, epochs = list(range(9)), [1, 2, 3]
    assert steps == {
        "train_loss_step": updates,
        "learning_rate": updates,
        "train_loss": epochs,
        "validation_loss": epochs,
        "validation_accuracy": epochs,
    }


@pytest.mark.parametrize(
    ("sizes", "loss", "said"),
    [
        ({"cat": 1, "dog": 10, "fox": 29}, {"class_weights": "none"}, True),  # 1 of a mean of 13.3
        ({"cat": 2, "dog": 9, "fox": 29}, {"class_weights": "none"}, False),
        ({"cat": 1, "dog": 10, "fox": 29}, {"class_weights": "balanced"}, False),
        ({}, {"delta": 1.0}, False),
    ],
)
def test_a_class_that_hardly_counts_is_named_with_the_key_that_makes_it_count(
    sizes: dict[str, int], loss: dict[str, Any], said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(name,) for name, size in sizes.items() for _ in range(size)]
    session.say_rare(Job("finetune", "mine", tmp_path, {"seed": 1}, Run(tmp_path, tmp_path)), rows or [()] * 9, loss)
    out = capsys.readouterr().out
    assert ("class 'cat' has 1 of the training rows, a class in the mean 13" in out) == said
    assert ("class_weights: balanced" in out) == said


@pytest.fixture
def job(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The fine-tuning of `digits` in a copy of the project's code, which writes a checkpoint at every chance."""
    shutil.copytree(project / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "dvc.yaml", tmp_path)
    monkeypatch.setenv(session.SAVE_SECONDS, "0")
    return Job("finetune", "digits", tmp_path, shipped.params()["recipes"]["digits"])


@pytest.mark.parametrize(
    ("edited", "resumes"),
    [
        ("src/chainrule/system/progress.py", True),
        ("src/chainrule/training/strategies/head_only.py", True),  # another recipe's
        ("src/chainrule/training/strategies/full.py", False),  # loaded when the training has begun
        ("src/chainrule/nets/dsdnet.py", False),
        ("data/augmented/digits/train.parquet", False),
    ],
)
def test_a_checkpoint_belongs_to_all_that_the_stage_declares(
    edited: str, resumes: bool, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(job)
    (job.root / edited).parent.mkdir(parents=True, exist_ok=True)
    with open(job.root / edited, "a") as file:
        file.write("edited = True\n")
    capsys.readouterr()
    fit(job)
    assert ("finetune@digits: resumes in epoch" in capsys.readouterr().out) == resumes


def test_a_setting_that_the_stage_declares_starts_the_training_anew(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(job)
    job.block["evaluate"] = {"resamples": 7}  # another stage's
    fit(job)
    assert "resumes in epoch" in capsys.readouterr().out
    job.block["seed"] += 1
    fit(job)
    assert "resumes in epoch" not in capsys.readouterr().out


def test_without_dvc_yaml_no_checkpoint_is_kept(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    (job.root / "dvc.yaml").unlink()
    fit(job)
    assert (
        f"finetune@digits: no dvc.yaml in {job.root} has this stage: no checkpoint is kept" in capsys.readouterr().out
    )
    assert not (job.root / ".chainrule").exists()
