"""Pixels in: normalisation is part of the model, so that whoever serves it cannot forget it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.heads import HeadedModel


class Model(HeadedModel):
    """A net that maps normalised images to features, with its head."""

    inputs = ("image",)
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, kind: Any, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take mean and std per channel, of pixels in 0..1, from the facts of the inputs."""
        constants = {name: torch.tensor(facts[name]).view(1, -1, 1, 1) for name in ("mean", "std")}
        super().__init__(net, kind, target, **constants)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name of images uint8 [B, C, H, W]."""
        return self.answer(self.net((image.float() / 255 - self.mean) / self.std))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random inputs of a model: image uint8 [batch, C, H, W]."""
    shape = (batch, facts["channels"], facts["height"], facts["width"])
    return {"image": torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model."""
    return [{"batch": 1}, {"batch": 3}, {"batch": 8}]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {"image": {0: "batch"}}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: images have none."""
    return {}
