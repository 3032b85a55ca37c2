"""One label per example: cross-entropy on logits."""

import torch
from torch import Tensor, nn


class Classification(nn.Module):
    """Cross-entropy with label smoothing (Szegedy et al. 2016, arXiv:1512.00567, section 7)."""

    def __init__(self, model: nn.Module, inputs: tuple[str, ...], label_smoothing: float) -> None:
        """Wrap a model that maps the batch's `inputs` to logits [B, C]."""
        super().__init__()
        self.model = model
        self.inputs = inputs
        self.label_smoothing = label_smoothing

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (a scalar, mean over the batch), logits [B, C] and count [] of examples.

        Smoothing shapes the gradient only: in evaluation mode the loss is the plain log-loss in nats.
        """
        logits = self.model(*(batch[name] for name in self.inputs)).float()
        smoothing = self.label_smoothing if self.training else 0.0
        loss = nn.functional.cross_entropy(logits, batch["label"], label_smoothing=smoothing)
        return {"loss": loss, "logits": logits, "count": torch.tensor(len(logits), device=logits.device)}
