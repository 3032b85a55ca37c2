"""Pixels and token ids in, and which of both there are: what the net makes of the two, with its head."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.bodies import image, text
from chainrule.training.heads import HeadedModel


class Model(HeadedModel):
    """A net over normalised images and texts, with its head."""

    inputs = ("image", "input_ids", "attention_mask", "given")
    beside = ("same",)
    """What a training batch has for speed alone."""
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, kind: Any, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take mean and std per channel, of pixels in 0..1, from the facts of the inputs."""
        constants = {name: torch.tensor(facts[name]).view(1, -1, 1, 1) for name in ("mean", "std")}
        super().__init__(net, kind, target, **constants)

    def forward(
        self, image: Tensor, input_ids: Tensor, attention_mask: Tensor, given: Tensor, same: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the outputs by name of images uint8 [B, C, H, W], ids and mask int64 [B, T], given int64 [B, 2].

        given: 1 where there is an image, and where there is a text. same: one number for rows of one image, int64 [B],
        which the net then sees once.
        """
        row = None
        if same is not None:
            kinds, row = torch.unique(same, return_inverse=True)
            places = torch.arange(len(same), device=same.device)
            first = places.new_full((len(kinds),), len(same)).scatter_reduce(0, row, places, "amin")
            image = image[first]
        pixels = (image.float() / 255 - self.mean) / self.std
        return self.answer(self.net(pixels, input_ids, attention_mask, given, row))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator, length: int = 16) -> dict[str, Tensor]:
    """Return random inputs of a model; the first row lacks its text where there are others, the second its image."""
    given = torch.ones(batch, 2, dtype=torch.int64)
    given[:2] -= torch.tensor([[0, 1], [1, 0]])[: len(given) - 1] if batch > 2 else 0
    return {
        **image.example(facts, batch, generator),
        **text.example(facts, batch, generator, length),
        "given": given,
    }


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model: those of texts."""
    return text.parity_shapes(facts)


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {**image.dynamic_shapes(facts), **text.dynamic_shapes(facts), "given": {0: "batch"}}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: of texts alone."""
    return text.padding(facts)
