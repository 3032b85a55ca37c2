"""Images that show nothing."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def kinds(batch: Mapping[str, Tensor], facts: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """Return foreign images by what they are, inputs by name each, made of a batch: image uint8 [B, C, H, W]."""
    image = batch["image"]
    noise = torch.randint(0, 256, image.shape, dtype=torch.uint8, generator=generator)
    flat = image.flatten(2)
    order = torch.rand(len(image), 1, flat.shape[2], generator=generator).argsort(dim=2).expand_as(flat)
    return {
        "pixels at random": {"image": noise},
        "pixels in another order": {"image": flat.gather(2, order).view_as(image)},
        "light and dark exchanged": {"image": 255 - image},
    }
