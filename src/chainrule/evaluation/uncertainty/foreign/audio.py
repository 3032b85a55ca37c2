"""Sounds that nobody makes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def kinds(batch: Mapping[str, Tensor], facts: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """Return foreign sounds by what they are, inputs by name each, made of a batch: audio int16 [B, T]."""
    audio = batch["audio"]
    level = audio.float().square().mean(dim=1, keepdim=True).sqrt()
    noise = (torch.randn(audio.shape, generator=generator) * level).round().clamp(-32768, 32767).to(torch.int16)
    order = torch.rand(audio.shape, generator=generator).argsort(dim=1)
    return {
        "noise as loud": {"audio": noise},
        "samples in another order": {"audio": audio.gather(1, order)},
        "played backwards": {"audio": audio.flip(1)},
    }
