"""What stands between the camera and the thing, and the light of the day."""

import numpy as np
from PIL import Image

from chainrule.evaluation.robustness.pixels import blur

LUMINANCE = np.array([0.299, 0.587, 0.114])


def snow(
    image: np.ndarray,
    rng: np.random.Generator,
    mean: float,
    spread: float,
    flake: float,
    threshold: float,
    fall: float,
    mix: float,
) -> np.ndarray:
    """Whiten the image and let flakes fall over it: normal noise, enlarged, above a threshold, smeared as it falls."""
    height, width = image.shape[:2]
    small = [max(1, round(side / max(1, flake))) for side in (height, width)]
    flakes = enlarged(rng.normal(mean, spread, small), (height, width))
    flakes = np.where(flakes < threshold, 0, flakes).clip(0, 1)
    flakes = blur.motion(flakes, rng, fall, degrees=(-135, -45)).clip(0, 1)
    if image.ndim == 3:
        flakes = flakes[..., None]
    white = np.maximum(image, _over(grey(image) * 1.5 + 0.5, image))
    return np.asarray(mix * image + (1 - mix) * white + flakes + flakes[::-1, ::-1])


def frost(image: np.ndarray, rng: np.random.Generator, keep: float, amount: float) -> np.ndarray:
    """Lay crystals over the image: the bright ridges of a fractal, drawn anew for each image."""
    field = fractal(image.shape[:2], rng, 1.6)
    ridges = (1 - np.abs(2 * field - 1)) ** 2
    return np.asarray(keep * image + amount * _over(0.35 + 0.65 * ridges, image))


def fog(image: np.ndarray, rng: np.random.Generator, amount: float, decay: float) -> np.ndarray:
    """Add a fractal of so much brightness, then scale back to the brightest level that there was."""
    brightest = image.max()
    clouded = image + amount * _over(fractal(image.shape[:2], rng, decay), image)
    return np.asarray(clouded * brightest / (brightest + amount))


def brightness(image: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Raise the value of each pixel, the largest of its levels, and keep its hue and saturation."""
    if image.ndim == 2:
        return image + amount
    value = image.max(axis=2, keepdims=True)
    raised = np.minimum(value + amount, 1)
    return np.asarray(np.where(value > 0, image * raised / np.maximum(value, 1e-9), raised))


def contrast(image: np.ndarray, rng: np.random.Generator, keep: float) -> np.ndarray:
    """Keep a share of how far each level is from the mean of its channel."""
    mean = image.mean(axis=(0, 1), keepdims=True)
    return np.asarray(keep * (image - mean) + mean)


def fractal(shape: tuple[int, int], rng: np.random.Generator, decay: float) -> np.ndarray:
    """Return clouds, float64 from 0 to 1 of a shape: noise on finer and finer grids, each weaker by `decay`."""
    total, weight, cells = np.zeros(shape), 1.0, 2
    while True:
        total += weight * enlarged(rng.random((cells, cells)), shape)
        if cells >= max(shape):
            break
        weight, cells = weight / decay, 2 * cells
    low, high = total.min(), total.max()
    return np.asarray((total - low) / max(high - low, 1e-9))


def enlarged(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a field scaled to a shape, smoothly."""
    picture = Image.fromarray(field.astype(np.float32))
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC), np.float64)


def grey(image: np.ndarray) -> np.ndarray:
    """Return how light each pixel is, [H, W]."""
    return np.asarray(image @ LUMINANCE) if image.ndim == 3 else image


def _over(field: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return a field [H, W] so that it goes with the channels of an image."""
    return field[..., None] if image.ndim == 3 else field
