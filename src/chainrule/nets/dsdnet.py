"""DSDNet: a residual network of depthwise-separable dilated convolutions.

A separable convolution is a depthwise k×k one with dilation, which mixes places, and pointwise 1×1 ones, which
mix channels: Chollet 2017 (Xception, https://arxiv.org/abs/1610.02357), Howard et al. 2017 (MobileNet,
https://arxiv.org/abs/1704.04861). Dilation sees far without losing resolution: Yu & Koltun 2016
(https://arxiv.org/abs/1511.07122). The order inside a block, depthwise first and then wide and narrow again, is
that of Liu et al. 2022 (ConvNeXt, https://arxiv.org/abs/2201.03545), with batch normalisation (Ioffe & Szegedy
2015, https://arxiv.org/abs/1502.03167), which costs nothing once exported; the last one starts at zero, so that
every block begins as the identity (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from chainrule.nets.shared.staged import Staged


class Depthwise(nn.Module):
    """A k×k convolution with dilation of every channel by itself; keeps the size of the map."""

    def __init__(self, features: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            features, features, kernel, padding="same", dilation=dilation, groups=features, bias=False
        )
        self.dilation = dilation

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, C, H, W] into maps of the same shape."""
        # oneDNN has no fast gradient of a dilated depthwise convolution (measured: two to six times slower than
        # this way); with every phase of the dilation as an image of its own there is no dilation left.
        if self.training and self.dilation > 1 and maps.device.type == "cpu":
            return _by_phases(maps, self.convolution.weight, self.dilation)
        result: torch.Tensor = self.convolution(maps)
        return result


def _by_phases(maps: torch.Tensor, weight: torch.Tensor, dilation: int) -> torch.Tensor:
    """Convolve every channel of `maps` [B, C, H, W] with `weight` [C, 1, k, k] at this `dilation`."""
    batch, channels, height, width = maps.shape
    rows, columns = -(-height // dilation), -(-width // dilation)
    maps = functional.pad(maps, (0, columns * dilation - width, 0, rows * dilation - height))
    maps = maps.permute(0, 2, 3, 1).reshape(batch, rows, dilation, columns, dilation, channels)
    maps = maps.permute(0, 2, 4, 1, 3, 5).reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
    maps = functional.conv2d(maps, weight, padding="same", groups=channels)
    maps = maps.permute(0, 2, 3, 1).reshape(batch, dilation, dilation, rows, columns, channels)
    maps = maps.permute(0, 3, 1, 4, 2, 5).reshape(batch, rows * dilation, columns * dilation, channels)
    return maps[:, :height, :width].permute(0, 3, 1, 2)


class Block(nn.Module):
    """x plus norm(pointwise(relu(pointwise(norm(depthwise(x))))))."""

    def __init__(self, features: int, kernel: int, dilation: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = Depthwise(features, kernel, dilation)
        self.norm = nn.BatchNorm2d(features)
        self.expand = nn.Conv2d(features, features * expansion, 1)
        self.contract = nn.Conv2d(features * expansion, features, 1, bias=False)
        self.last_norm = nn.BatchNorm2d(features)
        nn.init.zeros_(self.last_norm.weight)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, C, H, W] into maps of the same shape."""
        inner = self.norm(self.depthwise(maps))
        inner = self.contract(torch.relu(self.expand(inner)))
        result: torch.Tensor = maps + self.last_norm(inner)
        return result


class DSDNet(Staged):
    """Stages of blocks of separable convolutions."""

    separable = True
    """So is a decoder on top of it."""


def build(
    channels: int,
    *,
    width: int,
    depth: int,
    stages: int,
    stem: int,
    kernel: int,
    dilations: Sequence[int],
    expansion: int,
    dropout: float,
) -> DSDNet:
    """Build a DSDNet for images of `channels` channels.

    `width` channels in the first stage; `depth` blocks in each of `stages` stages; `stem` is the stride of the
    first convolution (1 for images of a few dozen pixels, 4 for 224×224); `kernel` is the odd size of the depthwise
    convolutions; the blocks of a stage take the `dilations` in turn, starting again when they run out; inside a
    block the width is multiplied by `expansion`; `dropout` acts on the embedding.
    """
    return DSDNet(Block, channels, width, depth, stages, stem, kernel, dilations, expansion, dropout)
