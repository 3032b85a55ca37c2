"""What becomes of an image on its way through programs: stretched, scaled down, compressed."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage


def elastic(image: np.ndarray, rng: np.random.Generator, shift: float, smooth: float) -> np.ndarray:
    """Move each pixel by about `shift` pixels, neighbours alike: noise smoothed by so many pixels (Simard et al. 2003).

    shift: the root of the mean square of both directions.
    """
    height, width = image.shape[:2]
    moves = ndimage.gaussian_filter(rng.uniform(-1, 1, (2, height, width)), (0, smooth, smooth))
    moves *= shift / max(float(np.sqrt((moves**2).mean())), 1e-9)
    places = np.mgrid[:height, :width] + moves
    if image.ndim == 2:
        return np.asarray(ndimage.map_coordinates(image, places, order=1, mode="reflect"))
    channels = [
        ndimage.map_coordinates(channel, places, order=1, mode="reflect") for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(channels, axis=2)


def pixelate(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Scale down to a share of the sides, and up again."""
    picture = _picture(image)
    small = [max(1, int(side * share)) for side in picture.size]
    reduced = picture.resize((small[0], small[1]), Image.Resampling.BOX)
    return np.asarray(reduced.resize(picture.size, Image.Resampling.NEAREST)) / 255


def jpeg(image: np.ndarray, rng: np.random.Generator, quality: int) -> np.ndarray:
    """Compress as JPEG of a quality, from 1 to 95."""
    buffer = io.BytesIO()
    _picture(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer)) / 255


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8))
