"""From the maps that a net goes through to boxes: at every place how likely a thing's centre is there, and its sides.

No anchors: a heat map for each class (Zhou et al. 2019, "Objects as points", arXiv:1904.07850) and the distances from
the place to the four sides (Tian et al. 2019, FCOS, arXiv:1904.01355), at one stride, on a U-Net's way up.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from chainrule.nets.shared.decoder import Way, convolution

FINEST = 4
"""Stride of the finest maps that are joined, where a net has such."""
WIDE, HEAD = 32, 64
"""Channels of the way up, and of each head, at least."""
RARE = 0.01
"""How likely a centre is at a place before anything is learnt (Lin et al. 2017, arXiv:1708.02002, section 4.1)."""
FAR = 5.0
"""By which power of e a side may be further than sides are in the mean."""


class Dense(NamedTuple):
    """What is said at every place of an image."""

    heat: torch.Tensor
    """Logits [B, C, h, w]."""
    boxes: torch.Tensor
    """[B, 4, h, w]: left, top, right and bottom in shares of the image's sides."""


def used(pyramid: Sequence[tuple[int, int]]) -> list[int]:
    """Return which maps of a net are joined: those that are no finer than FINEST, the last of all in any case."""
    return [place for place, (_, stride) in enumerate(pyramid) if stride >= FINEST] or [len(pyramid) - 1]


class Detector(Way):
    """The way up, and a head each for centres and for sides."""

    def __init__(
        self, pyramid: Sequence[tuple[int, int]], classes: int, separable: bool, sides: tuple[float, float]
    ) -> None:
        """Take channels and stride of the maps, the finest first, and how far sides are from centres in the mean.

        sides: across and down, in shares of the image's.
        """
        super().__init__([pyramid[place] for place in used(pyramid)], separable, least=WIDE)
        wide = max(HEAD, self.features)
        self.centres = nn.Sequential(*convolution(self.features, wide, separable), nn.Conv2d(wide, classes, 1))
        self.distances = nn.Sequential(*convolution(self.features, wide, separable), nn.Conv2d(wide, 4, 1))
        nn.init.constant_(self.centres[-1].bias, -math.log(1 / RARE - 1))  # type: ignore[arg-type]
        for name, parameter in self.distances[-1].named_parameters():
            nn.init.normal_(parameter, std=0.001) if name == "weight" else nn.init.zeros_(parameter)
        self.register_buffer("mean_sides", torch.tensor([*sides, *sides]).view(1, 4, 1, 1), persistent=False)
        self.mean_sides: torch.Tensor

    def forward(self, maps: Sequence[torch.Tensor], filled: tuple[float, float]) -> Dense:
        """Return what is said at every place of maps, the finest first.

        filled: how many times as wide and as high as the image what the maps are of is, once filled up.
        """
        found = self.joined(maps)
        far = self.distances(found).float().clamp(-FAR, FAR).exp() * self.mean_sides
        high, wide = found.shape[2:]
        across = (torch.arange(wide, device=found.device) + 0.5) / wide * filled[0]
        down = (torch.arange(high, device=found.device) + 0.5) / high * filled[1]
        places = torch.stack([across[None].expand(high, wide), down[:, None].expand(high, wide)])
        boxes = torch.cat([places - far[:, :2], places + far[:, 2:]], dim=1)
        return Dense(self.centres(found), boxes)


def likeliest(dense: Dense, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return boxes [B, K, 4], cut to the image, and scores of every class [B, K, C] at the likeliest places."""
    scores, boxes = dense.heat.float().sigmoid().flatten(2), dense.boxes.clamp(0, 1).flatten(2)
    best = scores.amax(dim=1).topk(min(most, scores.shape[2]), dim=1).indices[:, None]
    found = [each.gather(2, best.expand(-1, each.shape[1], -1)).transpose(1, 2) for each in (boxes, scores)]
    return found[0], found[1]
