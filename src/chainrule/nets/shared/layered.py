"""Layers one after the other over an image, and one vector of the last map: what convolutional nets end in."""

from collections.abc import Iterable

import torch
from torch import nn


class Layered(nn.Module):
    """Layers whose last map is shown as it is, and as its mean over all places."""

    gains_from_bf16 = True
    channels_last = True

    def __init__(self, layers: Iterable[nn.Module], features: int, stride: int, dropout: float) -> None:
        """Take the layers, the channels of their last map, and what they divide an image's sides by, rounding up."""
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.map_channels = self.out_features = features
        self.stride = stride

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """[B, map_channels, H/stride, W/stride], rounded up, of float32 images [B, C, H, W]."""
        maps: torch.Tensor = self.layers(images)
        return maps

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """[B, map_channels] of a feature map: its mean."""
        return maps.mean((2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W], after dropout."""
        embeddings: torch.Tensor = self.dropout(self.pooled(self.feature_map(images)))
        return embeddings
