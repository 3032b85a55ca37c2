"""ResNet-8: the residual network of CIFAR-10 with one block in each of three stages.

He, Zhang, Ren and Sun 2016, "Deep residual learning for image recognition", section 4.2, with n = 1 (arXiv:1512.03385);
the map is halved before the first block, as Tang and Lin 2018 (arXiv:1710.10361) do with words: a block costs little.
"""

import torch
from torch import nn

from chainrule.nets.shared.layered import Layered


class Block(nn.Module):
    """x plus two convolutions of x, then ReLU; x through a 1×1 convolution where its shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.beside = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, inputs, H, W] into [B, outputs, H/stride, W/stride], rounded up."""
        return torch.relu(self.beside(maps) + self.branch(maps))


class ResNet8(Layered):
    """Widths w, w, 2w, 4w; the first convolution and every stage after the first halve the map, rounding up."""

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        layers = (
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
            Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2),
        )  # fmt: skip
        super().__init__(layers, 4 * width, 8, dropout)


def build(channels: int, *, width: int, dropout: float) -> ResNet8:
    """Build a ResNet-8 that starts with `width` channels (16 in the original); `dropout` acts on the embedding."""
    return ResNet8(channels, width, dropout)
