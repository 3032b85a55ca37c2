"""Samples in: the spectrogram is part of the model, so that a waveform is a request."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.nets.shared.spectrogram import LogMel
from chainrule.training.heads import HeadedModel


class Model(HeadedModel):
    """A net that maps spectrograms to features, with its head."""

    inputs = ("audio",)

    def __init__(self, net: nn.Module, kind: Any, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take from the facts of the inputs how samples become a spectrogram."""
        super().__init__(net, kind, target)
        self.fixed = LogMel(facts)

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name of sounds int16 [B, T]."""
        return self.answer(self.net(self.fixed(audio)))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random inputs of a model: audio int16 [batch, T], noise."""
    shape = (batch, facts["samples"])
    return {"audio": torch.randint(-(2**15), 2**15, shape, dtype=torch.int16, generator=generator)}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model."""
    return [{"batch": 1}, {"batch": 3}, {"batch": 8}]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {"audio": {0: "batch"}}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: all sounds are made of one length before."""
    return {}
