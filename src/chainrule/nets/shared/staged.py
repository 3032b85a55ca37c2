"""A residual network in stages, whatever its blocks are made of."""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

import torch
from torch import nn


class Staged(nn.Module):
    """A dense stem, then stages of blocks; each stage after the first halves the map and doubles the width."""

    gains_from_bf16 = True
    channels_last = True

    def __init__(
        self,
        block: Callable[[int, int, int, int], nn.Module],
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
        """Build the stages; block: makes a block of its features, kernel, dilation and expansion."""
        super().__init__()
        layers: list[nn.Module] = []
        inputs, features, stride = channels, width, stem
        self.pyramid: list[tuple[int, int]] = []  # channels and stride of each stage's maps, the finest first
        self.ends: list[int] = []  # how many layers the maps of each stage have been through
        for stage in range(stages):
            size = max(3, 2 * stride - 1)  # with this size and padding a stride rounds up
            layers += [nn.Conv2d(inputs, features, size, stride, size // 2, bias=False)]
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
            layers += [block(features, kernel, dilation, expansion) for dilation in islice(cycle(dilations), depth)]
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
