"""A residual network in stages, whatever its blocks are made of."""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

import torch
from torch import nn

from chainrule.nets.shared.layered import Layered


class Staged(Layered):
    """A dense stem, then stages of blocks; each stage after the first halves the map and doubles the width."""

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
        layers: list[nn.Module] = []
        pyramid: list[tuple[int, int]] = []  # channels and stride of each stage's maps, the finest first
        ends: list[int] = []  # how many layers the maps of each stage have been through
        inputs, features, stride = channels, width, stem
        for stage in range(stages):
            size = max(3, 2 * stride - 1)  # with this size and padding a stride rounds up
            layers += [nn.Conv2d(inputs, features, size, stride, size // 2, bias=False)]
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
            layers += [block(features, kernel, dilation, expansion) for dilation in islice(cycle(dilations), depth)]
            inputs, features, stride = features, 2 * features, 2
            pyramid.append((inputs, stem * 2**stage))
            ends.append(len(layers))
        super().__init__([*layers, nn.ReLU(inplace=True)], *pyramid[-1], dropout)
        self.pyramid, self.ends = pyramid, ends

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
