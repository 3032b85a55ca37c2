"""What a linear model sees in the pixels of images.

Each pixel is standardised by the training rows; images with a side above 32 are first averaged down by a whole factor
to 32 or less.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.floors.linear import classifiers, one_vs_rest, regressors

__all__ = ["FEW_ROWS", "LARGEST_SIDE", "classifiers", "features", "one_vs_rest", "regressors", "shrunk"]

FEW_ROWS: int | None = 10_000
"""With more rows than this, one fold held out says enough about a strength."""
# Larger images are averaged down: a linear model gains nothing from more, and takes the time of a network.
LARGEST_SIDE = 32


def features(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 [N, pixels] of training and test rows; one array of images uint8 [N, H, W, C] per input field."""
    seen, asked = (np.hstack([_pixels(field) for field in fields]) for fields in (train, test))
    # A pixel that hardly moves (one grey level of 255) is noise not worth blowing up.
    mean, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1)
    return (seen - mean) / spread, (asked - mean) / spread


def _pixels(images: np.ndarray) -> np.ndarray:
    """Images uint8 [N, H, W, C] as float32 [N, pixels], averaged down to at most 32 a side."""
    return shrunk(images).reshape(len(images), -1)


def shrunk(images: np.ndarray) -> np.ndarray:
    """Return images uint8 [N, H, W, C] as float32 [N, h, w, C], averaged down to at most 32 a side."""
    rows, height, width, channels = images.shape
    factor = -(-max(height, width) // LARGEST_SIDE)
    if factor == 1:
        return images.astype(np.float32)
    tall, wide = max(1, height // factor), max(1, width // factor)
    top, left = (height - min(height, tall * factor)) // 2, (width - min(width, wide * factor)) // 2
    cut = images[:, top : top + tall * factor, left : left + wide * factor]
    small = np.empty((rows, tall, wide, channels), np.float32)
    for row in range(rows):
        small[row] = cut[row].reshape(tall, -1, wide, cut.shape[2] // wide, channels).mean(axis=(1, 3))
    return small
