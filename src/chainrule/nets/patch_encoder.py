"""A transformer over patches of a picture: of an image, or of a sound's spectrogram.

Gong, Chung and Glass 2021, "AST: Audio Spectrogram Transformer", arXiv:2104.01778, without overlapping patches, as a
plain vision transformer with fixed positions and the mean over the patches (Beyer, Zhai and Kolesnikov 2022, "Better
plain ViT baselines for ImageNet-1k", arXiv:2205.01580), which takes pictures of any size.
"""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Attention among patches, then two layers on each, both after normalisation and beside what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.given, self.taken = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, patches: Tensor) -> Tensor:
        """Turn [B, P, D] into the same."""
        patches = patches + self.dropout(self._attended(self.before_attention(patches)))
        found: Tensor = patches + self.dropout(self.layers(self.before_layers(patches)))
        return found

    def _attended(self, patches: Tensor) -> Tensor:
        size = (patches.shape[0], patches.shape[1], 3, self.heads, patches.shape[2] // self.heads)
        query, key, value = self.given(patches).view(size).permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.taken(found.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class PatchEncoder(nn.Module):
    """Patches of a picture, each a vector, with its place; a part of a patch at the ends is filled up with 0."""

    gains_from_bf16 = True

    def __init__(self, channels: int, patch: int, layers: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.stride = patch
        self.embedding = nn.Conv2d(channels, width, patch, stride=patch)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.map_channels = self.out_features = width

    def feature_map(self, images: Tensor) -> Tensor:
        """[B, width, H/stride, W/stride], rounded up, of float32 images [B, C, H, W]."""
        down, across = (-images.shape[axis] % self.stride for axis in (2, 3))
        maps = self.embedding(nn.functional.pad(images, (0, across, 0, down)))
        height, width = maps.shape[2:]
        patches = self.dropout(maps.flatten(2).transpose(1, 2) + places(height, width, self.out_features).to(maps))
        for block in self.blocks:
            patches = block(patches)
        found: Tensor = self.norm(patches).transpose(1, 2).unflatten(2, (height, width))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W]: the mean over the patches."""
        return self.feature_map(images).mean((2, 3))


def places(height: int, width: int, features: int) -> Tensor:
    """Return what tells the places of patches, float32 [height * width, features]: sines and cosines of both axes."""
    turns = 1 / 10_000 ** (torch.arange(features // 4) / (features // 4))
    down, across = (torch.arange(size)[:, None] * turns for size in (height, width))
    of_rows = torch.cat([down.sin(), down.cos()], dim=1)[:, None].expand(-1, width, -1)
    of_columns = torch.cat([across.sin(), across.cos()], dim=1)[None].expand(height, -1, -1)
    return torch.cat([of_rows, of_columns], dim=2).flatten(0, 1)


def build(channels: int, *, patch: int, layers: int, width: int, heads: int, dropout: float) -> PatchEncoder:
    """Build an encoder of square patches; `width` is a multiple of 4 and of `heads`."""
    return PatchEncoder(channels, patch, layers, width, heads, dropout)
