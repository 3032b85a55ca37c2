"""One label per text, the face for training: the encoder with its pooling and its classifier."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.objectives.classification import Classification


class TextClassifier(nn.Module):
    """Token ids in, logits out: mean over the tokens, then a linear classifier."""

    inputs = ("input_ids", "attention_mask")
    temperature: Tensor

    def __init__(self, net: nn.Module, classes: int) -> None:
        """Put a linear classifier on an encoder that maps ids and mask [B, T] to [B, T, out_features]."""
        super().__init__()
        self.net = net
        self.head = nn.Linear(int(net.out_features), classes)  # type: ignore[arg-type]
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return calibrated logits [B, classes] of input_ids and attention_mask, int64 [B, T]."""
        states: Tensor = self.net(input_ids, attention_mask)
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        logits: Tensor = self.head(pooled)
        return logits / self.temperature


def build(net: nn.Module, facts: dict[str, Any], classes: int) -> TextClassifier:
    """Return the model for an encoder and the number of classes."""
    return TextClassifier(net, classes)


def objective(model: nn.Module, label_smoothing: float) -> nn.Module:
    """Return what the model is fine-tuned for."""
    return Classification(model, TextClassifier.inputs, label_smoothing)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16) -> tuple[Tensor, ...]:
    """Return random inputs of the model: input_ids and attention_mask, int64 [batch, length], the first row padded.

    A length beyond max_length is cut to it.
    """
    length = min(length, facts["max_length"])
    ids = torch.randint(0, facts["vocabulary"], (batch, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[0, length // 2 :] = 0
    return ids.where(mask.bool(), facts["pad_id"]), mask


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with the model: three batch sizes at two lengths."""
    lengths = sorted({min(11, facts["max_length"]), facts["max_length"]})
    return [{"batch": batch, "length": length} for batch in (1, 3, 8) for length in lengths]


def dynamic_shapes() -> tuple[dict[int, str], ...]:
    """Return the names of the axes that may vary, per input."""
    return ({0: "batch", 1: "sequence"}, {0: "batch", 1: "sequence"})


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, per input: tokens that the mask leaves out."""
    return {"input_ids": facts["pad_id"], "attention_mask": 0}
