"""From rows to what a training takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from chainrule.system import plugins

if TYPE_CHECKING:
    import pandas as pd


def fit_facts(rows: "pd.DataFrame", modality: str, tokenizer: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the rows' inputs tell about their kind: normalisation, or a tokenizer (see `training.inputs`)."""
    facts: dict[str, Any] = plugins.load("training.inputs", modality).fit_facts(_decoded(rows, modality), tokenizer)
    return facts


def to_inputs(
    rows: "pd.DataFrame", modality: str, facts: dict[str, Any], classes: Sequence[str] | None, **distort: Any
) -> Any:
    """Return the rows as inputs of the training loop, with labels as positions in `classes` (None: without labels)."""
    labels = None
    if classes is not None:
        numbers = {name: number for number, name in enumerate(classes)}
        labels = torch.tensor(rows["label"].map(numbers).to_numpy(dtype="int64"))
    inputs = plugins.load("training.inputs", modality)
    return inputs.Inputs(inputs.encode(_decoded(rows, modality), facts), labels, facts, **distort)


def _decoded(rows: "pd.DataFrame", modality: str) -> Any:
    return plugins.load("fields", modality).decode(rows[modality].tolist())
