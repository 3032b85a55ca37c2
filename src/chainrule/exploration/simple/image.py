"""What least squares see in the edges of images.

Dalal and Triggs 2005, "Histograms of oriented gradients for human detection",
https://doi.org/10.1109/CVPR.2005.177: how strong the edges of each direction are in each cell of an image, divided by
what there is around it; beside them how bright the cell is. Images with a side above 32 are averaged down first.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.floors.image import shrunk
from chainrule.exploration.simple.ridge import each_of, one_of, value

__all__ = ["TITLE", "each_of", "features", "most", "one_of", "value"]

TITLE = "least squares on the edges and the brightness of the images"
DIRECTIONS = 8
_CHUNK = 1000


def most(values: Sequence[Sequence[bytes]], answers: int) -> int:
    """Return how many rows of images [fields][N] can be fitted to: fewer of large ones; any number of answers."""
    size = max(sum(len(value) for value in field) / max(len(field), 1) for field in values)
    return int(min(20_000, max(2_000, 3e7 / max(size, 1))))


def features(fields: Sequence[np.ndarray]) -> np.ndarray:
    """Return float32 [N, D], standardised; one array of images uint8 [N, H, W, C] per input field."""
    found = np.hstack([_described(images) for images in fields])
    spread = found.std(axis=0)
    return np.asarray((found - found.mean(axis=0)) / np.maximum(spread, 1e-3 * max(spread.max(), 1e-6)))


def _described(images: np.ndarray) -> np.ndarray:
    chunks = range(0, len(images), _CHUNK)
    return np.concatenate([_cells(shrunk(images[start : start + _CHUNK])) for start in chunks])


def _cells(images: np.ndarray) -> np.ndarray:
    """Return float32 [N, cells * (DIRECTIONS + C)] of images float32 [N, H, W, C]."""
    rows, height, width, channels = images.shape
    side = 4 if min(height, width) >= 16 else 2 if min(height, width) >= 4 else 1
    tall, wide = height // side, width // side
    images = images[:, : tall * side, : wide * side]
    bright = images.reshape(rows, tall, side, wide, side, channels).mean(axis=(2, 4))
    grey = images.mean(axis=3)
    down, across = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = np.hypot(down, across)
    turn = np.arctan2(down, across) % np.pi * (DIRECTIONS / np.pi)
    first = turn.astype(np.int64)
    share = turn - first
    cell = np.arange(rows)[:, None, None] * (tall * wide) + (
        np.arange(tall * side)[:, None] // side * wide + np.arange(wide * side) // side
    )
    found = np.zeros(rows * tall * wide * DIRECTIONS)
    for place, weight in ((first, strength * (1 - share)), (first + 1, strength * share)):
        found += np.bincount((cell * DIRECTIONS + place % DIRECTIONS).ravel(), weight.ravel(), len(found))
    edges = found.reshape(rows, tall, wide, DIRECTIONS)
    edges /= _around(np.square(edges).sum(axis=3))[..., None]
    return np.hstack([np.minimum(edges, 2).reshape(rows, -1), bright.reshape(rows, -1)]).astype(np.float32)


def _around(energy: np.ndarray) -> np.ndarray:
    """Return how strong the edges are around each cell: the root of the mean energy [N, h, w] of 3 by 3 cells."""
    _, tall, wide = energy.shape
    padded = np.pad(energy, ((0, 0), (1, 1), (1, 1)))
    near = sum(padded[:, i : i + tall, j : j + wide] for i in range(3) for j in range(3))
    return np.asarray(np.sqrt(near / 9) + 1.0)  # one grey level: what is weaker is noise
