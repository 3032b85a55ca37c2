"""Learning from targets: a model's own loss on its outputs."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

TARGET, PARTNER, SHARE = "target", "partner", "share"


class Supervised(nn.Module):
    """A model and the loss of its kind of target."""

    def __init__(self, model: nn.Module, loss: Callable[[Mapping[str, Tensor], Tensor], Tensor]) -> None:
        """Wrap a model that maps the batch's `model.inputs` to named outputs, and what it has of `model.beside`.

        loss: of outputs and target, a mean over the batch; a module may tell learning from measuring by its mode.
        """
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss (a scalar, mean over the batch), the model's outputs (float32) and count [] of examples.

        Of a batch whose rows are mixed in pairs the loss is mixed alike: of a row with its target and its partner's.
        """
        names: tuple[str, ...] = self.model.inputs  # type: ignore[assignment]
        beside: tuple[str, ...] = getattr(self.model, "beside", ())
        found = self.model(**{name: batch[name] for name in (*names, *(name for name in beside if name in batch))})
        outputs = {name: tensor.float() for name, tensor in found.items()}
        loss = self.loss(outputs, batch[TARGET])
        if PARTNER in batch:
            share = batch[SHARE][0]  # one for the batch
            loss = share * loss + (1 - share) * self.loss(outputs, batch[PARTNER])
        return {"loss": loss, "outputs": outputs, "count": torch.tensor(len(batch[TARGET]))}
