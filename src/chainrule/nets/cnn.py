"""A plain small convolutional network: the yardstick that a better one must beat.

After LeCun et al. 1998, with batch normalisation (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167).
"""

import torch
from torch import nn


class CNN(nn.Module):
    """`depth` times a 3×3 convolution, normalisation, ReLU.

    After the first and the second the map is halved, rounding up, and the width doubled, as long as another follows.
    """

    gains_from_bf16 = True
    channels_last = True

    def __init__(self, channels: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.stride = 1
        features = channels
        for block in range(depth):
            layers += [nn.Conv2d(features, width * self.stride, 3, padding=1, bias=False)]
            features = width * self.stride
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
            if block < min(depth - 1, 2):
                layers += [nn.MaxPool2d(2, ceil_mode=True)]
                self.stride *= 2
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.map_channels = self.out_features = features

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """[B, map_channels, H/stride, W/stride], rounded up, of float32 images [B, C, H, W]."""
        maps: torch.Tensor = self.layers(images)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W]: the mean over the last map."""
        embeddings: torch.Tensor = self.dropout(self.feature_map(images).mean((2, 3)))
        return embeddings


def build(channels: int, *, width: int, depth: int, dropout: float) -> CNN:
    """Build a CNN of `depth` convolutions, the first of them `width` wide; `dropout` acts on the embedding."""
    return CNN(channels, width, depth, dropout)
