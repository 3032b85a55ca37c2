"""Parts of a text with a label each: a logit for each tag of each token, cross-entropy, calibrated logits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation import primary
from chainrule.evaluation.calibration import fit_temperature
from chainrule.evaluation.scores import spans
from chainrule.fields import tags
from chainrule.fields.windows import BEGINS, END, START

Facts = Mapping[str, Any]
DECIDES = "span_error"
"""Which number of validation rows says which epoch is best: the least of it."""
IGNORED = -100


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a token: one per tag."""
    return tags.count(len(target["classes"]))


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights, as buffers of the model."""
    return {"temperature": torch.ones(())}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [..., K], calibrated, of the head's scores [..., K]."""
    return {"logits": scores / constants["temperature"]}


class Loss(nn.Module):
    """The mean over words of the cross-entropy of logits [B, W, L, K] and the tags of spans int [B, S, 3].

    In evaluation mode smoothing, which only shapes the gradient, is left out.
    """

    def __init__(self, *, smoothing: float = 0.0, pieces: str = "first") -> None:
        """Keep the share of a tag that is spread over all tags, and which tokens of a word count: first, or all."""
        super().__init__()
        self.smoothing, self.pieces = smoothing, pieces

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss []; 0 of a batch without a word."""
        logits = outputs["logits"]
        true = tags_of(outputs["offsets"], target, self.pieces if self.training else "first").flatten()
        smoothing = self.smoothing if self.training else 0.0
        total = nn.functional.cross_entropy(
            logits.flatten(0, -2), true, label_smoothing=smoothing, ignore_index=IGNORED, reduction="sum"
        )
        return total / (true != IGNORED).sum().clamp(min=1)


def tags_of(offsets: Tensor, target: Tensor, pieces: str) -> Tensor:
    """Return the tag of each token, int64 [B, W, L], by spans int [B, S, 3]; IGNORED where none is learnt.

    offsets: [B, W, L, 3]. As `fields.tags.of_words`: a word belongs to the span that holds its first code point, and
    the first such word begins it, in every window that it is in.
    """
    start = offsets[..., START, None]
    counts = offsets[..., END] > 0
    begins = offsets[..., BEGINS] > 0
    label, first, last = (target[:, None, None, :, part] for part in range(3))
    inside = (label >= 0) & (start >= first) & (start < last) & counts[..., None]
    beyond = torch.iinfo(torch.int32).max
    earliest = torch.where(inside & begins[..., None], start, beyond).amin(dim=(1, 2), keepdim=True)
    opens = inside & (start == earliest) & begins[..., None]
    tag = torch.where(opens, 1 + 2 * label, 2 + 2 * label)
    found = torch.where(inside, tag, tags.OUTSIDE).amax(dim=-1).long()
    return torch.where(counts & (begins | (pieces == "all")), found, IGNORED)


def loss(target: Facts, encoded: Tensor, *, smoothing: float, name: str, pieces: str) -> Loss:
    """Return the loss for the training rows' targets [N, S, 3], of `training.targets.catalogue`."""
    return Loss(smoothing=smoothing, pieces=pieces)


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return how much validation rows lack of a span F1 of 1: it goes on falling when the loss of words has risen."""
    if not np.isfinite(outputs["logits"]).all():
        return {DECIDES: 1.0}
    facts = {"classes": [str(place) for place in range((outputs["logits"].shape[-1] - 1) // 2)]}
    found = primary.value(spans, outputs, encoded, facts)
    return {DECIDES: 1.0 if np.isnan(found) else 1.0 - found}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the model's temperature by the words of validation rows; return the target's facts and what was found."""
    words = tags.rows(outputs)
    true = np.concatenate([tags.of_words(own, each.places) for own, each in zip(encoded, words, strict=True)])
    if not len(true):
        return dict(target), {}
    temperature = fit_temperature(np.concatenate([each.scores for each in words]), true)
    model.get_buffer("temperature").fill_(temperature)
    return dict(target), {"temperature": round(temperature, 6)}
