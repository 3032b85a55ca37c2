"""Trainings that take a moment, and their sudden ends."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training import loop
from chainrule.training.course import Course, Record, Watchers
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets.label import Loss
from chainrule.training.validation import Score, evaluate

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


def accuracy(outputs: dict[str, np.ndarray], target: np.ndarray) -> dict[str, float]:
    """Return the metric that trainings here are scored by."""
    return {"accuracy": float((outputs["logits"].argmax(axis=1) == target).mean())}


class KilledError(Exception):
    """Stands for a kill signal: nothing in the loop catches it."""


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
    return Supervised(task.build(net, FACTS, {"classes": ["a", "b"]}), Loss(smoothing=0.1))


class Linear(nn.Module):
    """An objective whose gradient of a batch is the mean over its rows, as no normalisation couples them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(36, 2)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        logits = self.layer(batch["image"].float().flatten(1) / 255)
        loss = nn.functional.cross_entropy(logits, batch["target"])
        return {"loss": loss, "outputs": {"logits": logits}, "count": torch.tensor(len(logits))}


def fit(objective: nn.Module, rows: Inputs, validation: Inputs, **changes: Any) -> list[Record]:
    """Train with SETTINGS but for the changes; what is neither a setting nor a watcher goes to the loop as it is."""
    given = SETTINGS | changes
    course, watchers = (
        {f.name: given.pop(f.name) for f in fields(kind) if f.name in given} for kind in (Course, Watchers)
    )
    return loop.fit(objective, rows, validation, Course(**course), watchers=Watchers(**watchers), **given)


def measured(objective: nn.Module, rows: Inputs, score: Score | None = None, **changes: Any) -> Record:
    """Return what a validation of these rows finds with SETTINGS but for the changes."""
    return evaluate(objective, rows, Course(**(SETTINGS | changes)), torch.device("cpu"), score)


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
