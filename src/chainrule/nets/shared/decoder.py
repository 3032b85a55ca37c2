"""From the maps that a net goes through back to every pixel: a U-Net's way up, with dense or separable convolutions.

Ronneberger, Fischer & Brox 2015 (https://arxiv.org/abs/1505.04597). Maps are scaled up to the size of the next finer
ones, whatever that is, so images need no side that is a multiple of the net's stride.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

LEAST, WIDEST = 16, 256
"""Channels that the way up has at least and at most."""
EACH = 4
"""Channels of the finest maps for each class at least: of fewer, rare classes are not told apart for long."""


class Joined(nn.Module):
    """Coarse maps scaled up beside finer ones, through two convolutions."""

    def __init__(self, coarse: int, fine: int, features: int, separable: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *convolution(coarse + fine, features, separable), *convolution(features, features, separable)
        )

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """Return maps [B, features, h, w] of coarse and fine maps, the fine [B, …, h, w]."""
        larger = scaled(coarse, fine)
        result: torch.Tensor = self.layers(torch.cat([larger, fine], dim=1))
        return result


def convolution(inputs: int, features: int, separable: bool) -> list[nn.Module]:
    """Return a 3×3 convolution, normalisation and ReLU as layers; separable: each channel by itself, then all."""
    spread = [nn.Conv2d(inputs, inputs, 3, padding="same", groups=inputs, bias=False)] if separable else []
    own = 1 if separable else 3
    return [
        *spread,
        nn.Conv2d(inputs, features, own, padding="same", bias=False),
        nn.BatchNorm2d(features),
        nn.ReLU(inplace=True),
    ]


def scaled(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return maps [B, C, …] at the height and width of others."""
    return functional.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)


class Way(nn.Module):
    """The way up through a net's `pyramid`, to maps of `features` channels at the finest of its strides."""

    def __init__(self, pyramid: Sequence[tuple[int, int]], separable: bool, least: int = LEAST) -> None:
        """Take channels and stride of the maps, the finest first, and how many channels joined maps have at least."""
        super().__init__()
        joins = []
        features = pyramid[-1][0]
        for channels, _ in reversed(pyramid[:-1]):
            wide = min(WIDEST, max(least, channels))
            joins.append(Joined(features, channels, wide, separable))
            features = wide
        self.joins = nn.ModuleList(joins)
        self.features = features

    def joined(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return maps [B, features, h, w] of maps, the finest first, at the size of these."""
        found = maps[-1]
        for join, fine in zip(self.joins, reversed(maps[:-1]), strict=True):
            found = join(found, fine)
        return found


class Decoder(Way):
    """The way up, and scores of each class at every pixel."""

    def __init__(self, pyramid: Sequence[tuple[int, int]], classes: int, separable: bool) -> None:
        """Take channels and stride of the maps, the finest first, and how many classes there are."""
        super().__init__(pyramid, separable, max(LEAST, EACH * classes))
        self.scores = nn.Conv2d(self.features, classes, 1)

    def forward(self, maps: Sequence[torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        """Return scores [B, classes, H, W] of maps, the finest first, and the image [B, C, H, W] they are of."""
        # Scores are scaled up, not features: as much as there are classes, where features are dozens.
        return scaled(self.scores(self.joined(maps)), image)


def filled(images: torch.Tensor, multiple: int) -> torch.Tensor:
    """Return images [B, C, H, W] filled up with zeros, right and below, to sides that are a multiple."""
    if multiple == 1:
        return images
    high, wide = images.shape[2:]
    more_high, more_wide = ((side + multiple - 1) // multiple * multiple - side for side in (high, wide))
    return functional.pad(images, (0, more_wide, 0, more_high))


def pyramid(net: Any) -> list[tuple[int, int]]:
    """Return channels and stride of the maps of a net, the finest first; none of a net that shows no maps."""
    found = getattr(net, "pyramid", None)
    if found:
        return [(int(channels), int(stride)) for channels, stride in found]
    return [(int(net.map_channels), int(net.stride))] if hasattr(net, "map_channels") else []


def maps(net: Any, images: torch.Tensor) -> list[torch.Tensor]:
    """Return the maps that `pyramid` tells of, of normalised images."""
    if hasattr(net, "feature_maps"):
        found: list[torch.Tensor] = net.feature_maps(images)
        return found
    return [net.feature_map(images)]
