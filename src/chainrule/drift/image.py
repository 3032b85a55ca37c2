"""What is measured on images as the model gets them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SIDE = 8
"""Side of the thumbnail whose pixels are compared all together."""


def measure(
    rows: Sequence[dict[str, np.ndarray]], tokenizer: Any
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], None]:
    """Return (numbers by name, float [N]; vectors by name, float [N, D]; no words) of uint8 images [1, C, H, W].

    Numbers are in grey levels from 0 to 255, positions in shares of the side.
    """
    pixels = np.concatenate([next(iter(row.values())) for row in rows]).astype(np.float64)
    grey = pixels.mean(axis=1)
    _, height, width = grey.shape
    mass = np.abs(grey - np.median(grey, axis=(1, 2), keepdims=True)) + 1e-9
    total = mass.sum(axis=(1, 2))
    across, down = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    numbers = {
        "brightness": grey.mean(axis=(1, 2)),
        "contrast": grey.std(axis=(1, 2)),
        "darkest twentieth": np.quantile(grey, 0.05, axis=(1, 2)),
        "brightest twentieth": np.quantile(grey, 0.95, axis=(1, 2)),
        "steps across": np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2)),
        "steps down": np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)),
        "centre across": (mass.sum(axis=1) * across).sum(axis=1) / total,
        "centre down": (mass.sum(axis=2) * down).sum(axis=1) / total,
    }
    if pixels.shape[1] == 3:
        numbers |= {name: pixels[:, place].mean(axis=(1, 2)) for place, name in enumerate(("red", "green", "blue"))}
    return numbers, {"pixels": _thumbnails(grey)}, None


def _thumbnails(grey: np.ndarray) -> np.ndarray:
    """Average [N, H, W] down to at most SIDE pixels a side, as [N, D]."""
    for axis in (1, 2):
        size = grey.shape[axis]
        starts = np.unique(np.arange(min(SIDE, size)) * size // min(SIDE, size))
        counts = np.diff(np.append(starts, size)).reshape([-1 if place == axis else 1 for place in range(3)])
        grey = np.add.reduceat(grey, starts, axis=axis) / counts
    return grey.reshape(len(grey), -1)
