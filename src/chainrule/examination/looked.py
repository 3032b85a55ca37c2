"""What a section of a model's pages may look at."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from chainrule.training.prediction import Inputs


class Looked(NamedTuple):
    """A fine-tuned model in evaluation mode, and the validation rows on which it is looked at.

    card: task, modality, target, net, base, target_facts (see `training.models`); facts: of its inputs. train and rows:
    training rows, and validation rows (no more than evaluate.examine.rows, drawn by the seed), with id, group and the
    task's fields. inputs: the validation rows as the model takes them; outputs: by name, float32 [N, …], what it says
    of them; target [N, …]: encoded. measure: the task's metrics; figures: the task's figures. settings: the block
    `evaluate.examine`; asked: the block `evaluate.uncertainty`; normalise: the
    block `clean.normalise`, by which rows that are made are cleaned (None: they are not). gradients: what the audit
    recorded, by phase (see `training.audit.recording`); pretrained: the folder of what the fine-tuning started from.
    """

    recipe: str
    model: "nn.Module"
    card: Mapping[str, Any]
    facts: Mapping[str, Any]
    train: "pd.DataFrame"
    rows: "pd.DataFrame"
    inputs: "Inputs"
    outputs: Mapping[str, np.ndarray]
    target: np.ndarray
    history: list[dict[str, Any]]
    measure: ModuleType
    figures: ModuleType
    settings: Any
    asked: Any
    seed: int
    say: Callable[[str], None]
    normalise: Mapping[str, Any] | None = None
    gradients: Mapping[str, Any] = {}
    pretrained: Path | None = None


def one_row(looked: Looked) -> "dict[str, Tensor]":
    """Return the first validation row as the model's inputs [1, …] by name."""
    import torch

    batch = looked.inputs.take(torch.tensor([0]), None)
    names: tuple[str, ...] = looked.model.inputs  # type: ignore[assignment]
    return {name: batch[name] for name in names}
