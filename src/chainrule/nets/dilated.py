"""A residual network of dense dilated convolutions: `dsdnet` without its separation, to hold that against.

Each depthwise convolution and the pointwise one behind it are one convolution that mixes places and channels at once;
stem, stages, dilations, widths and what a block adds to its input are the same. Dilation: Yu & Koltun 2016
(https://arxiv.org/abs/1511.07122); residual blocks: He et al. 2016 (https://arxiv.org/abs/1512.03385), the last
normalisation of each starting at zero (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).
"""

from collections.abc import Sequence

import torch
from torch import nn

from chainrule.nets.shared.staged import Staged


class Block(nn.Module):
    """x plus norm(pointwise(relu(norm(dilated(x)))))."""

    def __init__(self, features: int, kernel: int, dilation: int, expansion: int) -> None:
        super().__init__()
        wide = features * expansion
        self.expand = nn.Conv2d(features, wide, kernel, padding="same", dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(wide)
        self.contract = nn.Conv2d(wide, features, 1, bias=False)
        self.last_norm = nn.BatchNorm2d(features)
        nn.init.zeros_(self.last_norm.weight)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, C, H, W] into maps of the same shape."""
        inner = self.contract(torch.relu(self.norm(self.expand(maps))))
        result: torch.Tensor = maps + self.last_norm(inner)
        return result


class DilatedNet(Staged):
    """Stages of blocks of dense convolutions."""


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
) -> DilatedNet:
    """Build a DilatedNet for images of `channels` channels; what the others are, `dsdnet.build` says."""
    return DilatedNet(Block, channels, width, depth, stages, stem, kernel, dilations, expansion, dropout)
