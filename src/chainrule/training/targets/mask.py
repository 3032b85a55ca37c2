"""A class per pixel: logits of every class at every place, cross-entropy, focal or Dice loss over marked pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.fields.mask import IGNORED

Facts = Mapping[str, Any]
DECIDES = "loss"
"""Which number of validation rows says which epoch is best: the least of it."""
_LEAST = 1e-6


def width(target: Facts) -> int:
    """Return how many numbers the head gives for a pixel: one per class."""
    return len(target["classes"])


def constants(target: Facts) -> dict[str, Tensor]:
    """Return what the answer needs beside the weights: nothing."""
    return {}


def answer(scores: Tensor, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return logits [B, C, H, W] of the head's scores of that shape."""
    return {"logits": scores}


def kept(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what is kept of the outputs of many rows: the likeliest class of a pixel, and its probability.

    mask uint8 [B, H, W]; sure float16 [B, H, W], NaN where a logit is no number. The logits are some dozen times as
    large.
    """
    logits = outputs["logits"].float()
    sure, mask = logits.max(dim=1)
    sure = (sure - logits.logsumexp(dim=1)).exp().half()
    return {"mask": mask.to(torch.uint8), "sure": sure}


class Loss(nn.Module):
    """The mean over marked pixels of logits [B, C, H, W] and places uint8 [B, H, W]; of pixels of no class none.

    In evaluation mode smoothing and gamma, which only shape the gradient, are left out; weights and Dice, which say
    what a mistake costs, stay.
    """

    weights: Tensor | None

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        gamma: float = 0.0,
        dice: bool = False,
        cross_entropy: float = 1.0,
        weights: Tensor | None = None,
    ) -> None:
        """Keep what shapes the loss.

        smoothing: share of the target that is spread over all classes. gamma: a pixel told with probability p counts
        (1 - p) ** gamma times (Lin et al. 2017, arXiv:1708.02002). dice: add one less the mean over classes of
        2 |A ∩ B| / (|A| + |B|), pixels weighed by their probabilities, of all images of a batch together (Milletari et
        al. 2016, arXiv:1606.04797); cross_entropy: how often the log loss counts then. weights [C]: what a pixel
        counts in the log loss, by its class.
        """
        super().__init__()
        self.smoothing, self.gamma, self.dice, self.cross_entropy = smoothing, gamma, dice, cross_entropy
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the loss []."""
        logits, places = outputs["logits"], target.long()
        if not self.dice:
            return self._log_loss(logits, places)
        found = _dice(logits, places)
        return found + self.cross_entropy * self._log_loss(logits, places) if self.cross_entropy else found

    def _log_loss(self, logits: Tensor, places: Tensor) -> Tensor:
        smoothing, gamma = (self.smoothing, self.gamma) if self.training else (0.0, 0.0)
        marked = places != IGNORED
        losses = nn.functional.cross_entropy(
            logits, places, ignore_index=IGNORED, reduction="none", label_smoothing=smoothing
        )
        known = places.clamp(max=logits.shape[1] - 1)
        if gamma:
            chance = logits.softmax(dim=1).gather(1, known[:, None])[:, 0]
            # A power below 1 has no gradient at 0.
            losses = losses * (1 - chance).clamp(min=_LEAST) ** gamma
        if self.weights is not None:
            losses = losses * self.weights[known]
        return losses.sum() / marked.sum().clamp(min=1)


def _dice(logits: Tensor, places: Tensor) -> Tensor:
    """Return one less the mean Dice coefficient over classes with a marked pixel in the batch."""
    marked = places != IGNORED
    known = places.clamp(max=logits.shape[1] - 1)
    chances = logits.softmax(dim=1) * marked[:, None]
    true = torch.zeros_like(chances).scatter_(1, known[:, None], marked[:, None].to(chances.dtype))
    axes = (0, 2, 3)
    of_class = true.sum(axes)
    found = 2 * (chances * true).sum(axes) / (chances.sum(axes) + of_class).clamp(min=_LEAST)
    there = of_class > 0
    return (1 - found)[there].mean() if there.any() else logits.sum() * 0


def loss(
    target: Facts,
    encoded: Tensor,
    *,
    smoothing: float,
    name: str,
    class_weights: str,
    gamma: float = 0.0,
    cross_entropy: float = 1.0,
) -> Loss:
    """Return the loss for the training rows' masks uint8 [N, H, W], of `training.targets.catalogue`."""
    weights = balanced(encoded, width(target)) if class_weights == "balanced" else None
    return Loss(smoothing=smoothing, gamma=gamma, dice=name == "dice", cross_entropy=cross_entropy, weights=weights)


def balanced(encoded: Tensor, classes: int) -> Tensor:
    """Return the weights [C] with which each class of masks uint8 [N, H, W] weighs the same; mean over pixels 1."""
    counts = torch.zeros(classes, dtype=torch.int64)
    for mask in encoded:
        counts += torch.bincount(mask.flatten(), minlength=256)[:classes]
    return (counts.sum() / (classes * counts.clamp(min=1))).float()


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return nothing: the loss of validation rows, which every training knows, decides."""
    return {}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts as they are, and nothing that was found: no line is drawn by validation rows."""
    return dict(target), {}
