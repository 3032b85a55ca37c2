import json
from pathlib import Path

import torch

from chainrule.nets import cnn
from chainrule.recipes.training import Training
from chainrule.runs.tracking import Run
from chainrule.stages import session
from chainrule.stages.job import Job
from chainrule.tasks.image_classification import model as task
from chainrule.training.inputs.image import Inputs

FACTS = {"channels": 1, "height": 6, "width": 6, "mean": [0.5], "std": [0.3]}
SETTINGS = {"epochs": 3, "batch_size": 4, "optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 0.0}
SETTINGS |= {"schedule": "one_cycle", "warm_up": 0.3, "precision": "fp32", "distort": {}}


def test_every_curve_in_mlflow_counts_one_kind_of_steps(tmp_path: Path) -> None:
    images, labels = torch.randint(0, 256, (12, 6, 6, 1), dtype=torch.uint8), torch.arange(12) % 2
    inputs = Inputs(images, labels, FACTS)
    model = task.build(cnn.build(1, width=2, depth=1, dropout=0.0), FACTS, 2)
    job = Job("finetune", "mine", tmp_path, {"seed": 1}, Run(tmp_path, tmp_path))
    settings = Training.model_validate(SETTINGS)
    session.fit(
        job, settings, task.objective(model, 0.0), inputs, inputs, gains_from_bf16=False, files=[], key={"mine": 1}
    )
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
