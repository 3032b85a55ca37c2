"""Noise of sensors and of transmission."""

import numpy as np


def gaussian(image: np.ndarray, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Add normal noise of a standard deviation."""
    return image + rng.normal(0, spread, image.shape)


def shot(image: np.ndarray, rng: np.random.Generator, photons: float) -> np.ndarray:
    """Count light in so many photons at full brightness: fewer are noisier."""
    return rng.poisson(image * photons) / photons


def impulse(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Make a share of the levels 0 or 1 (salt and pepper)."""
    hit = rng.random(image.shape) < share
    return np.where(hit, rng.integers(0, 2, image.shape).astype(np.float64), image)
