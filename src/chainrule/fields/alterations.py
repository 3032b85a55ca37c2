"""What becomes of the pixels of a copy of an image, and of places in it: cut out, mirrored, in other light, noisy."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

LUMINANCE = (0.299, 0.587, 0.114)


def altered(
    image: Image.Image,
    rng: np.random.Generator,
    *,
    crop: float,
    flip: bool,
    vertical_flip: bool,
    colour: float,
    blur: float,
    noise: float,
    erase: float,
) -> Image.Image:
    """Return an image of mode L or RGB altered at random, in this order; what is off draws nothing.

    crop: smallest share of the area that is cut out and fills the image, drawn evenly from it to 1, in the image's own
    shape. flip, vertical_flip: mirrored left to right, top to bottom, each half of the time. colour: brightness,
    contrast and (RGB) saturation are each multiplied by a factor drawn evenly from 1 ± colour. blur: share of the
    copies that a Gaussian of up to a hundredth of the longer side blurs, half a pixel at least. noise: standard
    deviation of what is added to every level, as a share of 255, drawn evenly from 0 to it (one for the image). erase:
    a rectangle of up to this share of the area, 3:10 to 10:3, becomes noise (Zhong et al. 2020, Random Erasing,
    arXiv:1708.04896), half of the time.
    """
    where = {"crop": crop, "flip": flip, "vertical_flip": vertical_flip}
    image = placed(image, rng, where, resample=Image.Resampling.BICUBIC)
    if blur and rng.random() < blur:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 1) * max(0.5, max(image.size) / 100)))
    if not (colour or noise or erase):
        return image
    pixels: np.ndarray = np.asarray(image).astype(np.float32)
    if colour:
        pixels = _coloured(pixels, rng, colour)
    if noise:
        pixels = pixels + rng.normal(0, rng.uniform(0, noise) * 255, pixels.shape)
    if erase and rng.random() < 0.5:
        pixels = _erased(pixels, rng, erase)
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))


def turned(
    image: Image.Image,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    *,
    resample: Image.Resampling,
    fill: int | tuple[int, ...],
) -> Image.Image:
    """Return an image turned, moved and scaled by amounts drawn evenly up to `degrees`, `shift`, `scale` of options.

    fill: what comes into view. The same generator moves an image and what is laid over it alike.
    """
    affine = _back(image.size, rng, options)
    return image.transform(image.size, Image.Transform.AFFINE, affine, resample=resample, fillcolor=fill)


def _back(size: tuple[int, int], rng: np.random.Generator, options: Mapping[str, Any]) -> tuple[float, ...]:
    """Return, as PIL wants it, the map from the places of a turned, moved, scaled image to those before."""
    angle = math.radians(rng.uniform(-options["degrees"], options["degrees"]))
    zoom = 1.0 + rng.uniform(-options["scale"], options["scale"])
    move_x, move_y = rng.uniform(-options["shift"], options["shift"], 2) * size
    # From output to input: undo the move, turn back, unzoom, all about the centre.
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    mid_x, mid_y = size[0] / 2, size[1] / 2
    at_x, at_y = mid_x + move_x, mid_y + move_y
    return cos, sin, mid_x - cos * at_x - sin * at_y, -sin, cos, mid_y + sin * at_x - cos * at_y


def moves(size: tuple[int, int], rng: np.random.Generator, options: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the maps [2, 3], one after the other, from places of an image to those of its copy, by the same draws.

    size: width and height; places in pixels from its upper left corner. The draws are those of `turned` and `placed`.
    """
    turned_back = np.vstack([np.reshape(_back(size, rng, options), (2, 3)), [0, 0, 1]])
    found = [np.linalg.inv(turned_back)[:2]]
    width, height = size
    if (crop := options.get("crop", 1)) < 1:
        left, top, right, bottom = _part(size, rng, crop)
        across, down = width / (right - left), height / (bottom - top)
        found.append(np.array([[across, 0, -left * across], [0, down, -top * down]]))
    if options.get("flip") and rng.random() < 0.5:
        found.append(np.array([[-1.0, 0, width], [0, 1, 0]]))
    if options.get("vertical_flip") and rng.random() < 0.5:
        found.append(np.array([[1.0, 0, 0], [0, -1, height]]))
    return found


def carried(boxes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the boxes [N, 4] that hold what boxes [N, 4] hold once a map [2, 3] has moved it."""
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]] @ place[:, :2].T + place[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def placed(
    image: Image.Image, rng: np.random.Generator, options: Mapping[str, Any], *, resample: Image.Resampling
) -> Image.Image:
    """Return an image of which a part is cut out, then mirrored, as `altered` does first; what is off draws nothing."""
    if (crop := options.get("crop", 1)) < 1:
        image = _cropped(image, rng, crop, resample)
    if options.get("flip") and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if options.get("vertical_flip") and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _cropped(image: Image.Image, rng: np.random.Generator, crop: float, resample: Image.Resampling) -> Image.Image:
    return image.resize(image.size, resample, box=_part(image.size, rng, crop))


def _part(size: tuple[int, int], rng: np.random.Generator, crop: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is cut out of an image."""
    side = np.sqrt(rng.uniform(crop, 1))
    width, height = (max(1, round(side * length)) for length in size)
    left, top = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(size, (width, height), strict=True))
    return left, top, left + width, top + height


def _coloured(pixels: np.ndarray, rng: np.random.Generator, colour: float) -> np.ndarray:
    bright, contrast, saturation = rng.uniform(1 - colour, 1 + colour, 3)
    pixels = pixels * bright
    grey = pixels @ np.array(LUMINANCE, np.float32) if pixels.ndim == 3 else pixels
    if pixels.ndim == 3:
        pixels = grey[..., None] + saturation * (pixels - grey[..., None])
    return np.asarray(grey.mean() + contrast * (pixels - grey.mean()))


def _erased(pixels: np.ndarray, rng: np.random.Generator, erase: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    area = rng.uniform(0.02, max(erase, 0.02)) * height * width
    ratio = np.exp(rng.uniform(np.log(0.3), np.log(1 / 0.3)))
    high, wide = min(height, max(1, round(np.sqrt(area * ratio)))), min(width, max(1, round(np.sqrt(area / ratio))))
    top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    found = pixels.copy()
    hole = found[top : top + high, left : left + wide]
    found[top : top + high, left : left + wide] = rng.integers(0, 256, hole.shape)
    return found
