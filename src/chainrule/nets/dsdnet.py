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
from itertools import cycle, islice

import torch
from torch import nn
from torch.nn import functional


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


class DSDNet(nn.Module):
    """A dense stem, then stages of blocks; each stage after the first halves the map and doubles the width."""

    gains_from_bf16 = True
    channels_last = True

    def __init__(
        self,
        channels: int,
        width: int,
        depth: int,
        stages: int,
        stem: int,
        kernel: int,
        dilations: Sequence[int],
        expansion: int,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, features, stride = channels, width, stem
        self.pyramid: list[tuple[int, int]] = []  # channels and stride of each stage's maps, the finest first
        self.ends: list[int] = []  # how many layers the maps of each stage have been through
        for stage in range(stages):
            size = max(3, 2 * stride - 1)  # with this size and padding a stride rounds up
            layers += [nn.Conv2d(inputs, features, size, stride, size // 2, bias=False)]
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
            layers += [Block(features, kernel, dilation, expansion) for dilation in islice(cycle(dilations), depth)]
            inputs, features, stride = features, 2 * features, 2
            self.pyramid.append((inputs, stem * 2**stage))
            self.ends.append(len(layers))
        self.layers = nn.Sequential(*layers, nn.ReLU(inplace=True))
        self.dropout = nn.Dropout(dropout)
        self.map_channels, self.stride = self.pyramid[-1]
        self.out_features = inputs

    def feature_maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of every stage of float32 images [B, C, H, W], the finest first: what a decoder joins again.

        `pyramid` tells their channels, and the stride that H and W are divided by, rounding up. The last are those of
        `feature_map`.
        """
        maps, found = images, []
        for number, layer in enumerate(self.layers, 1):
            maps = layer(maps)
            if number in self.ends:
                found.append(maps)
        return [*found[:-1], maps]

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """[B, map_channels, H/stride, W/stride], rounded up, of float32 images [B, C, H, W]."""
        maps: torch.Tensor = self.layers(images)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W]: the mean over the last map."""
        embeddings: torch.Tensor = self.dropout(self.feature_map(images).mean((2, 3)))
        return embeddings


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
    return DSDNet(channels, width, depth, stages, stem, kernel, dilations, expansion, dropout)
