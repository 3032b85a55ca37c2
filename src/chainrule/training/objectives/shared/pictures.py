"""Validation images, and what is shown of them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

COUNTED, SHOWN = 256, 12
"""Images over which shares are counted, and images that are shown."""


def some(inputs: Any, net: nn.Module, seed: int, count: int = SHOWN) -> Tensor:
    """Return some images of the inputs, uint8 [N, C, H, W], where the net is, and seed what is drawn next."""
    torch.manual_seed(seed)
    index = torch.randperm(len(inputs))[:count]
    images: Tensor = inputs.take(index, None)["image"]
    return images.to(next(net.parameters()).device)


def drawn(images: Tensor) -> np.ndarray:
    """Return images with values in 0..1, [N, C, H, W], as uint8 [N, H, W, C]."""
    pixels: np.ndarray = (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels
