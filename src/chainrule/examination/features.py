"""The features of rows: what the last layer of a model sees of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from chainrule.examination.looked import Looked
from chainrule.training import prediction, rows

if TYPE_CHECKING:
    import pandas as pd

BATCH_SIZE = 256


class _BeforeHead(nn.Module):
    """A model that answers with what its head is given, [B, D]; of a net of members theirs side by side.

    A model that has no head says what its features are.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.inputs: tuple[str, ...] = model.inputs  # type: ignore[assignment]

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Return the features of inputs by name."""
        if hasattr(self.model, "features"):
            return {"features": self.model.features(**inputs)}  # type: ignore[operator]
        found: list[Tensor] = []

        def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
            found.append(given[0])

        with self.model.get_submodule("head").register_forward_pre_hook(keep):
            self.model(**inputs)
        return {"features": of_rows(found[0], inputs)}


def of_rows(given: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return the features [B, D] of rows by what a head is given of inputs by name; of every token their mean."""
    mask = inputs.get("attention_mask")
    if mask is None or given.ndim <= 2 or given.shape[:-1] != mask.shape:
        return given.flatten(1)
    there = mask.unsqueeze(-1).to(given.dtype)
    return (given * there).flatten(1, -2).sum(dim=1) / there.flatten(1).sum(dim=1, keepdim=True)


def of(looked: Looked, some: "pd.DataFrame") -> np.ndarray:
    """Return the features before the head, float32 [N, D], of rows with the task's fields, in their order."""
    inputs = rows.to_inputs(some, looked.card, looked.facts, None)
    return prediction.predict(_BeforeHead(looked.model), inputs, BATCH_SIZE, looked.say)["features"]
