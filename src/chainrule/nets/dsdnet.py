"""DSDNet: a residual network of depthwise-separable dilated convolutions.

A block is a depthwise k×k convolution with dilation, which mixes places, then two pointwise convolutions, which mix channels,
around a shortcut. Separable convolutions: Chollet 2017 (Xception, https://arxiv.org/abs/1610.02357), Howard et al. 2017
(MobileNet, https://arxiv.org/abs/1704.04861). Dilation that grows over the blocks to see far without losing resolution:
Yu & Koltun 2016 (https://arxiv.org/abs/1511.07122). The narrow-wide-narrow order, depthwise first: Liu et al. 2022 (ConvNeXt,
https://arxiv.org/abs/2201.03545), with batch normalisation (Ioffe & Szegedy 2015), which costs nothing once exported.
"""

from collections.abc import Sequence
from itertools import cycle

import torch
from torch import nn


class Block(nn.Module):
    """x plus pointwise(relu(pointwise(depthwise(x)))), normalised after the depthwise and the last pointwise convolution."""

    def __init__(self, features: int, kernel: int, dilation: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            features,
            features,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=features,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(features)
        self.expand = nn.Conv2d(features, features * expansion, 1)
        self.contract = nn.Conv2d(features * expansion, features, 1, bias=False)
        self.last_norm = nn.BatchNorm2d(features)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inner = self.norm(self.depthwise(maps))
        inner = self.contract(torch.relu(self.expand(inner)))
        result: torch.Tensor = maps + self.last_norm(inner)
        return result


class DSDNet(nn.Module):
    """A dense stem, then `stages` stages of `depth` blocks; each stage after the first halves the map and doubles the width."""

    gains_from_bf16 = False
    channels_last = True

    def __init__(
        self, channels: int, width: int, depth: int, stages: int, stem: int, kernel: int, dilations: Sequence[int],
        expansion: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        size = max(3, 2 * stem - 1)  # with this size and padding a stride rounds up
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, size, stem, size // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        features = width
        for stage in range(stages):
            if stage:
                layers += [
                    nn.Conv2d(features, 2 * features, 3, 2, 1, bias=False),
                    nn.BatchNorm2d(2 * features),
                ]
                features *= 2
            layers += [
                Block(features, kernel, dilation, expansion)
                for _, dilation in zip(range(depth), cycle(dilations), strict=False)
            ]
        self.layers = nn.Sequential(*layers, nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.stride = stem * 2 ** (stages - 1)
        self.map_channels = self.out_features = features

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """[B, map_channels, H/stride, W/stride], rounded up, of float32 images [B, C, H, W]."""
        maps: torch.Tensor = self.layers(images)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W]: the mean over the last map."""
        embeddings: torch.Tensor = self.dropout(self.feature_map(images).mean((2, 3)))
        return embeddings


def build(
    channels: int, *, width: int, depth: int, stages: int, stem: int, kernel: int, dilations: Sequence[int], expansion: int,
    dropout: float,
) -> DSDNet:  # fmt: skip
    """A DSDNet for images of `channels` channels.

    `width` channels in the first stage; `depth` blocks in each of `stages` stages; `stem` is the stride of the first convolution
    (1 for images of a few dozen pixels, 4 for 224×224); `kernel` is the odd size of the depthwise convolutions; the blocks of a stage
    take the `dilations` in turn, starting again when they run out; inside a block the width is multiplied by `expansion`;
    `dropout` acts on the embedding.
    """
    return DSDNet(channels, width, depth, stages, stem, kernel, dilations, expansion, dropout)
