"""Numbers as colours: small pictures of matrices, and heat over an image, that eyes which see few colours can read."""

import io

import numpy as np
from PIL import Image

_BLUES = ((0.0, "f3f6f9"), (0.25, "b9d6ea"), (0.5, "4f9bc9"), (0.75, "0072b2"), (1.0, "00223f"))
_FIRE = ((0.0, "000004"), (0.25, "57106e"), (0.5, "bc3754"), (0.75, "f98e09"), (1.0, "fcffa4"))
"""Inferno of matplotlib, in five steps: even in lightness."""
_TWO = ((0.0, "b35806"), (0.25, "f1a340"), (0.5, "f7f7f7"), (0.75, "67a9cf"), (1.0, "08519c"))
"""From orange over white to blue: below and above nought."""


def shares(values: np.ndarray) -> np.ndarray:
    """Return colours uint8 [H, W, 3] of numbers from 0 to 1 [H, W], light for few and dark for much."""
    return _coloured(values, _BLUES)


def fire(values: np.ndarray) -> np.ndarray:
    """Return colours uint8 [H, W, 3] of numbers from 0 to 1 [H, W], dark for few and light for much."""
    return _coloured(values, _FIRE)


def signed(values: np.ndarray) -> np.ndarray:
    """Return colours uint8 [H, W, 3] of numbers from -1 to 1 [H, W]: orange below 0, white at it, blue above."""
    return _coloured((np.asarray(values) + 1) / 2, _TWO)


def over(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return an image uint8 [H, W, 1 or 3] in grey with heat [h, w] ≥ 0 laid over it, the most of it lightest."""
    grey = image.astype(np.float64).mean(axis=2, keepdims=True)
    fitted = resized(heat / max(float(heat.max()), 1e-12), *image.shape[:2])
    return np.asarray((0.45 * grey + 0.55 * fire(fitted)).round(), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """Return colours uint8 [H, W, 1 or 3] as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def fitted(pixels: np.ndarray, most: int) -> np.ndarray:
    """Return colours uint8 [H, W, 1 or 3] with sides of at most so many pixels, as they are if they have no more."""
    height, width, _ = pixels.shape
    if max(height, width) <= most:
        return pixels
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((most, most))
    small = np.asarray(picture)
    return small[:, :, None] if small.ndim == 2 else small


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return numbers [h, w] at another size [height, width], what lies between them interpolated."""
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)


def _coloured(values: np.ndarray, stops: tuple[tuple[float, str], ...]) -> np.ndarray:
    at = [place for place, _ in stops]
    colours = np.array([list(bytes.fromhex(colour)) for _, colour in stops], dtype=np.float64)
    clipped = np.clip(np.nan_to_num(values), 0, 1)
    return np.stack([np.interp(clipped, at, channel) for channel in colours.T], axis=-1).round().astype(np.uint8)
