"""What nets of torchvision and timm share: images of other sizes and of one channel, as these take them."""

import torch
from torch import nn


def as_taken(images: torch.Tensor, size: int | None) -> torch.Tensor:
    """Return images [B, 1 or 3, H, W] with three channels, a grey one three times, and sides of `size`, if it is set.

    Scaling is part of the net, so that who serves a model cannot do it in another way.
    """
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if size is None:
        return images
    return nn.functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def gains_from_bf16(net: nn.Module) -> bool:
    """Whether a CPU computes the net faster in bf16: not with convolutions of each channel by itself."""
    return all(module.groups == 1 for module in net.modules() if isinstance(module, nn.Conv2d))
