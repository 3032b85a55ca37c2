"""Rows of random images that the tiny image bundle takes."""

import io

import numpy as np
import pandas as pd
from PIL import Image


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def image_rows(count: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows with id and image, and the same as pixels uint8 [count, 8, 8]."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)
    frame = pd.DataFrame({"id": [f"r{place}" for place in range(count)], "image": [png(each) for each in pixels]})
    return frame, pixels
