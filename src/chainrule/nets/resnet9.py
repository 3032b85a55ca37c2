"""ResNet-9, the small residual network of DAWNBench: eight 3×3 convolutions, and a head outside this module.

Page 2018, "How to train your ResNet", https://myrtle.ai/learn/how-to-train-your-resnet/; two of the four stages have
a residual branch (He et al. 2016, https://arxiv.org/abs/1512.03385).
"""

import torch
from torch import nn

from chainrule.nets.shared.layered import Layered


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """x plus two convolutions of x."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(_conv(features, features), _conv(features, features))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, C, H, W] into maps of the same shape."""
        result: torch.Tensor = maps + self.branch(maps)
        return result


class ResNet9(Layered):
    """Widths w, 2w, 4w, 8w; every stage after the first halves the map, rounding up."""

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        layers = (
            _conv(channels, width),
            _conv(width, 2 * width), nn.MaxPool2d(2, ceil_mode=True), Residual(2 * width),
            _conv(2 * width, 4 * width), nn.MaxPool2d(2, ceil_mode=True),
            _conv(4 * width, 8 * width), nn.MaxPool2d(2, ceil_mode=True), Residual(8 * width),
        )  # fmt: skip
        super().__init__(layers, 8 * width, 8, dropout)

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """[B, map_channels] of a feature map: its maximum."""
        return maps.amax((2, 3))


def build(channels: int, *, width: int, dropout: float) -> ResNet9:
    """Build a ResNet-9 that starts with `width` channels (64 in the original); `dropout` acts on the embedding."""
    return ResNet9(channels, width, dropout)
