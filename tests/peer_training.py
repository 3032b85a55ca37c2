"""A small training by one of several processes, as torchrun starts it: `peer_training.py FOLDER SHARD KILLED_AT`.

The first process writes its history and the weights it ends with to FOLDER; every process ends suddenly at an update.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from chainrule.tasks.text_classification import model as task
from chainrule.training import loop
from chainrule.training.course import Course, Watchers
from chainrule.training.inputs.text import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets.label import Loss

FACTS: dict[str, Any] = {"vocabulary": 30, "pad_id": 0, "unknown_id": 1, "max_length": 16}
COURSE: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 8,
    "accumulation": 2,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "schedule": "linear",
    "warm_up": 0.1,
    "gradient_clip": 1.0,
    "precision": "fp32",
    "seed": 3,
}


def texts(count: int, seed: int) -> Inputs:
    """Return rows of one length of which the first token tells the class."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(4, 30, (count, 8), generator=generator)
    classes = torch.arange(count) % 2
    rows[:, 0] = 2 + classes
    return Inputs(rows.tolist(), classes, FACTS)


class Net(nn.Module):
    """Token ids to states, through a list of layers, with imports that take no seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 16)
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))
        self.out_features = 16

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.words(ids)
        for layer in self.layers:
            states = states + torch.tanh(layer(states))
        return states


class Twice(nn.Module):
    """An objective that wants to see every row twice."""

    views = 2

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> Any:
        found, again = self.objective(one), self.objective(other)
        return {**found, "loss": (found["loss"] + again["loss"]) / 2}


def objective() -> Any:
    torch.manual_seed(5)
    return Twice(Supervised(task.build(Net(), FACTS, {"classes": ["a", "b"]}), Loss()))


def train(folder: Path, shard: bool, killed_at: int | None) -> tuple[list[dict[str, Any]], Any]:
    """Train with a checkpoint in the folder after every update; return the history and the objective."""

    def end(record: dict[str, Any]) -> None:
        if record["update"] == killed_at:
            os._exit(9)

    made = objective()
    history = loop.fit(
        made,
        texts(42, 1),
        texts(12, 2),
        Course(**COURSE, shard=shard),
        checkpoint=folder / "checkpoint.safetensors",
        save_seconds=0.0,
        watchers=Watchers(on_update=end),
    )
    return history, made


def main() -> None:
    folder, shard, killed_at = Path(sys.argv[1]), sys.argv[2] == "shard", int(sys.argv[3])
    history, made = train(folder, shard, killed_at if killed_at >= 0 else None)
    if os.environ["RANK"] == "0":
        (folder / "history.json").write_text(json.dumps(history))
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in made.state_dict().items()},
            folder / "end.safetensors",
        )


if __name__ == "__main__":
    main()
