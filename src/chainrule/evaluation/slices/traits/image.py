"""Traits of images: light, contrast, colour, size, how much detail there is."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image


def traits(values: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Return numbers [N] by name, of normalised PNG bytes; colours only where there are any."""
    found = np.array([_one(value) for value in values], np.float64).reshape(len(values), 9)
    names = ("brightness", "contrast", "width", "height", "steps between pixels", "redness", "greenness", "blueness",
             "colourfulness")  # fmt: skip
    return {name: found[:, place] for place, name in enumerate(names) if len(np.unique(found[:, place])) > 1}


def _one(value: bytes) -> tuple[float, ...]:
    pixels = np.asarray(Image.open(io.BytesIO(value), formats=("PNG",)), np.float64)
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    grey = colours.mean(axis=2)
    steps = np.abs(np.diff(grey, axis=0)).mean() if len(grey) > 1 else 0.0
    red, green, blue = (float(colours[..., place].mean() - grey.mean()) for place in range(3))
    spread = float(colours.std(axis=2).mean())
    return float(grey.mean()), float(grey.std()), grey.shape[1], grey.shape[0], float(steps), red, green, blue, spread
