"""Learning from targets: a model's own loss on its outputs."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

TARGET = "target"


class Supervised(nn.Module):
    """A model and the loss of its kind of target."""

    def __init__(
        self, model: nn.Module, loss: Callable[[Mapping[str, Tensor], Tensor, float], Tensor], smoothing: float = 0.0
    ) -> None:
        """Wrap a model that maps the batch's `model.inputs` to named outputs.

        loss: of outputs, target and smoothing, a mean over the batch.
        """
        super().__init__()
        self.model = model
        self.loss = loss
        self.smoothing = smoothing

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss (a scalar, mean over the batch), the model's outputs (float32) and count [] of examples.

        Smoothing shapes the gradient only: in evaluation mode the loss is the plain one.
        """
        names: tuple[str, ...] = self.model.inputs  # type: ignore[assignment]
        found = self.model(**{name: batch[name] for name in names})
        outputs = {name: tensor.float() for name, tensor in found.items()}
        loss = self.loss(outputs, batch[TARGET], self.smoothing if self.training else 0.0)
        return {"loss": loss, "outputs": outputs, "count": torch.tensor(len(batch[TARGET]))}
