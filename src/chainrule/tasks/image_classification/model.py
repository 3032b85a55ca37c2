"""One label per image, the face for training: the net with its normalisation and its classifier."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.objectives.classification import Classification


class ImageClassifier(nn.Module):
    """Pixels in, logits out: normalisation is part of the model, so that whoever serves it cannot forget it."""

    inputs = ("image",)
    mean: Tensor
    std: Tensor
    temperature: Tensor

    def __init__(self, net: nn.Module, classes: int, mean: Tensor, std: Tensor) -> None:
        """Put a linear classifier on a net that maps normalised images to [B, out_features].

        mean, std: [C], of pixels in 0..1.
        """
        super().__init__()
        self.net = net
        self.head = nn.Linear(int(net.out_features), classes)  # type: ignore[arg-type]
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, image: Tensor) -> Tensor:
        """Return calibrated logits [B, classes] of images uint8 [B, C, H, W]."""
        logits: Tensor = self.head(self.net((image.float() / 255 - self.mean) / self.std))
        return logits / self.temperature


def build(net: nn.Module, facts: dict[str, Any], classes: int) -> ImageClassifier:
    """Return the model for a net, the facts of its inputs and the number of classes."""
    return ImageClassifier(net, classes, torch.tensor(facts["mean"]), torch.tensor(facts["std"]))


def objective(model: nn.Module, label_smoothing: float) -> nn.Module:
    """Return what the model is fine-tuned for."""
    return Classification(model, ImageClassifier.inputs, label_smoothing)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return random inputs of the model: one uint8 tensor [batch, C, H, W]."""
    shape = (batch, facts["channels"], facts["height"], facts["width"])
    return (torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator),)


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with the model."""
    return [{"batch": 1}, {"batch": 3}, {"batch": 8}]


def dynamic_shapes() -> tuple[dict[int, str], ...]:
    """Return the names of the axes that may vary, per input."""
    return ({0: "batch"},)


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, per input: images have none."""
    return {}
