"""Pixels that run into one another: out of focus, behind frosted glass, in motion, zoomed."""

import numpy as np
from PIL import Image
from scipy import ndimage


def defocus(image: np.ndarray, rng: np.random.Generator, radius: float, edge: float) -> np.ndarray:
    """Spread each pixel over a disc whose edge is soft, as by a logistic function of this width."""
    reach = max(1, int(np.ceil(radius + 2 * edge)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return convolved(image, 1 / (1 + np.exp(np.clip(1.7 * (np.hypot(y, x) - radius) / edge, -50, 50))))


def glass(image: np.ndarray, rng: np.random.Generator, spread: float, reach: float, times: int) -> np.ndarray:
    """Blur, let each pixel take the value of a neighbour within `reach`, so many times over, and blur again.

    The pixels move all at once, not one after the other, by whole pixels: where `reach` is less than one, so large a
    share of them moves by one.
    """
    share, reach = min(1.0, reach), max(1, round(reach))
    image = _gaussian(image, spread)
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    for _ in range(times):
        down, right = rng.integers(-reach, reach + 1, (2, height, width)) * (rng.random((height, width)) < share)
        image = image[np.clip(y + down, 0, height - 1), np.clip(x + right, 0, width - 1)]
    return _gaussian(image, spread)


def motion(
    image: np.ndarray, rng: np.random.Generator, spread: float, degrees: tuple[float, float] = (-45, 45)
) -> np.ndarray:
    """Smear each pixel along a line, with weights that fall off as a normal distribution's; its angle is drawn."""
    angle = np.deg2rad(rng.uniform(*degrees))
    reach = max(1, int(np.ceil(2.5 * spread)))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for along in np.arange(-reach, reach + 0.25, 0.25):
        y, x = reach - along * np.sin(angle), reach + along * np.cos(angle)
        top, left = int(min(y, 2 * reach - 1e-9)), int(min(x, 2 * reach - 1e-9))
        weights = np.outer((1 - (y - top), y - top), (1 - (x - left), x - left))
        kernel[top : top + 2, left : left + 2] += weights * np.exp(-0.5 * (along / spread) ** 2)
    return convolved(image, kernel)


def zoom(image: np.ndarray, rng: np.random.Generator, largest: float) -> np.ndarray:
    """Average the image over eight enlargements of its centre, from none to the largest."""
    height, width = image.shape[:2]
    picture = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    total = np.zeros(image.shape)
    factors = np.linspace(1, largest, 8)
    for factor in factors:
        left, top = width * (1 - 1 / factor) / 2, height * (1 - 1 / factor) / 2
        box = (left, top, width - left, height - top)
        total += np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return np.asarray(total / (255 * len(factors)))


def convolved(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return an image convolved with a kernel of odd sides, whose sum becomes 1; at its border it is mirrored."""
    reach = len(kernel) // 2
    margins = [(reach, reach), (reach, reach), (0, 0)][: image.ndim]
    padded = np.pad(image, margins, mode="symmetric")
    height, width = padded.shape[:2]
    spectrum = np.fft.rfft2(kernel / kernel.sum(), (height, width))
    if image.ndim == 3:
        spectrum = spectrum[..., None]
    found = np.fft.irfft2(np.fft.rfft2(padded, axes=(0, 1)) * spectrum, (height, width), axes=(0, 1))
    return np.asarray(found[2 * reach :, 2 * reach :])


def _gaussian(image: np.ndarray, spread: float) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(image, (spread, spread, 0)[: image.ndim]))
