"""The fifteen corruptions of images by five severities of Hendrycks & Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations", arXiv:1903.12261, at any size.

The paper has two sets of constants: of ImageNet-C, for sides of 224 pixels, and of CIFAR-10-C, for 32, where each pixel
carries more and so less is done to it. Images whose shorter side is at most SMALL take the second. Lengths (of blurs,
shifts, flakes) grow with the shorter side, so that the same share of a picture is blurred at any size.

Not the paper's: frost is drawn, not laid over from photographs; snow, motion blur and elastic transforms have constants
of their own, of about the same strength; glass moves all pixels at once, and where a pixel is much of the image only a
share of them.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from chainrule.evaluation.robustness import draws
from chainrule.evaluation.robustness.pixels import blur, digital, noise, weather

NEEDS_CLEANING = False
"""Whether what is made may look otherwise than rows that were cleaned do."""
SMALL = 64
"""The shorter side, in pixels, up to which an image counts as small."""

Alter = Callable[..., np.ndarray]
"""Of pixels, a generator and constants."""


class Corruption(NamedTuple):
    """What is done to pixels, and its constants by severity; `lengths` says which of them grow with the image."""

    alter: Alter
    small: Sequence[tuple[Any, ...]]
    large: Sequence[tuple[Any, ...]]
    lengths: tuple[bool, ...] = (False,)


def _of(*values: Any) -> list[tuple[Any, ...]]:
    return [(value,) for value in values]


CORRUPTIONS: Mapping[str, Corruption] = {
    "gaussian_noise": Corruption(noise.gaussian, _of(0.04, 0.06, 0.08, 0.09, 0.1), _of(0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": Corruption(noise.shot, _of(500, 250, 100, 75, 50), _of(60, 25, 12, 5, 3)),
    "impulse_noise": Corruption(noise.impulse, _of(0.01, 0.02, 0.03, 0.05, 0.07), _of(0.03, 0.06, 0.09, 0.17, 0.27)),
    "defocus_blur": Corruption(
        blur.defocus,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.6), (1.5, 0.6)),
        ((3, 0.5), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        (True, False),
    ),
    "glass_blur": Corruption(
        blur.glass,
        ((0.2, 0.3, 1), (0.3, 0.45, 1), (0.4, 0.6, 1), (0.4, 0.8, 1), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        (True, True, False),
    ),
    "motion_blur": Corruption(blur.motion, _of(0.8, 1.1, 1.4, 1.8, 2.3), _of(3, 5, 8, 12, 15), (True,)),
    "zoom_blur": Corruption(blur.zoom, _of(1.06, 1.11, 1.16, 1.21, 1.26), _of(1.11, 1.16, 1.21, 1.26, 1.31)),
    "snow": Corruption(
        weather.snow,
        (
            (0.1, 0.2, 1, 0.6, 2, 0.95),
            (0.1, 0.2, 1, 0.5, 2.5, 0.9),
            (0.15, 0.3, 1.75, 0.55, 2.5, 0.9),
            (0.25, 0.3, 2.25, 0.6, 3, 0.85),
            (0.3, 0.3, 1.25, 0.65, 3.5, 0.8),
        ),
        (
            (0.1, 0.3, 3, 0.5, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 4.5, 0.7),
            (0.55, 0.3, 4, 0.9, 6, 0.7),
            (0.55, 0.3, 4.5, 0.85, 7, 0.65),
            (0.55, 0.3, 2.5, 0.85, 9, 0.55),
        ),
        (False, False, True, False, True, False),
    ),
    "frost": Corruption(
        weather.frost,
        ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.7, 0.5)),
        ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        (False, False),
    ),
    "fog": Corruption(
        weather.fog,
        ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        (False, False),
    ),
    "brightness": Corruption(weather.brightness, _of(0.05, 0.1, 0.15, 0.2, 0.3), _of(0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": Corruption(weather.contrast, _of(0.75, 0.5, 0.4, 0.3, 0.15), _of(0.4, 0.3, 0.2, 0.1, 0.05)),
    "elastic_transform": Corruption(
        digital.elastic,
        ((0.4, 2), (0.6, 2), (0.8, 2), (1.1, 2), (1.4, 2)),
        ((2.5, 10), (4, 10), (5.5, 10), (7.5, 10), (9.5, 10)),
        (True, True),
    ),
    "pixelate": Corruption(digital.pixelate, _of(0.95, 0.9, 0.85, 0.75, 0.65), _of(0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": Corruption(digital.jpeg, _of(80, 65, 58, 50, 40), _of(25, 18, 15, 10, 7)),
}
"""By name, in the paper's order: noise, blur, weather, digital."""


def corrupted(values: Sequence[bytes], name: str, severity: int, seed: int) -> list[bytes]:
    """Return images as cleaned rows hold them, altered: PNG in, PNG of the same mode and size out.

    severity: from 1 to 5; 0 leaves all as they are. What is drawn for a row comes from the seed and the row's place.
    """
    if not severity:
        return list(values)
    return [
        _encoded(altered(_decoded(value), name, severity, draws.generator(seed, name, severity, place)))
        for place, value in enumerate(values)
    ]


def altered(pixels: np.ndarray, name: str, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Return pixels uint8 [H, W] or [H, W, 3] under a corruption; severity: from 1 to 5."""
    alter, small, large, lengths = CORRUPTIONS[name]
    side = min(pixels.shape[:2])
    constants, unit = (small, side / 32) if side <= SMALL else (large, side / 224)
    given = [value * unit if grows else value for value, grows in zip(constants[severity - 1], lengths, strict=True)]
    found = alter(pixels / 255, rng, *given)
    return np.asarray(np.rint(found.clip(0, 1) * 255).astype(np.uint8))


def _decoded(value: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(value)))


def _encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
