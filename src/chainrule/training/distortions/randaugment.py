"""RandAugment (Cubuk et al. 2020, arXiv:1909.13719): operations drawn at random, all of one strength.

The operations of a batch are done group by group: all images that drew the same one at once.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.training.distortions.colour import luminance, rounded
from chainrule.training.distortions.geometry import mapped, turned

STRONGEST = 30
Change = Callable[[Tensor, Tensor], Tensor]


def augmented(images: Tensor, generator: torch.Generator, *, operations: int, magnitude: int | None) -> Tensor:
    """Return uint8 [B, C, H, W] after so many operations on each image, drawn from OPERATIONS.

    magnitude: their strength, 0 to 30 as in the paper; None: drawn evenly for each operation on each image, as in
    TrivialAugment (Müller & Hutter 2021, arXiv:2103.10158).
    """
    images = images.clone()
    for _ in range(operations):
        chosen = torch.randint(len(OPERATIONS), (len(images),), generator=generator)
        sign = torch.randint(2, (len(images),), generator=generator) * 2 - 1
        drawn = torch.rand(len(images), generator=generator)
        strength = sign * (drawn if magnitude is None else torch.full_like(drawn, magnitude / STRONGEST))
        for number, change in enumerate(OPERATIONS.values()):
            rows = (chosen == number).nonzero().flatten()
            if len(rows) and change is not None:
                images[rows] = change(images[rows], strength[rows])
    return images


def _placed(across: float = 0.0, along: float = 0.0, shear_x: float = 0.0, shear_y: float = 0.0) -> Change:
    """Return a change of place: moves in half sides, shears; each times the strength."""

    def change(images: Tensor, strength: Tensor) -> Tensor:
        still = torch.zeros_like(strength)
        rows = [still + 1, shear_x * strength, across * strength], [shear_y * strength, still + 1, along * strength]
        return mapped(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1))

    return change


def _blended(other: Callable[[Tensor], Tensor]) -> Change:
    """Return a change between an image and another made of it: beyond itself, or towards that."""

    def change(images: Tensor, strength: Tensor) -> Tensor:
        pixels, factor = images.float(), (1 + 0.9 * strength).view(-1, 1, 1, 1)
        return rounded(torch.lerp(other(pixels), pixels, factor))

    return change


def _smooth(pixels: Tensor) -> Tensor:
    """Return pixels averaged with their neighbours, which count a fifth; the border stays."""
    weights = torch.tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
    channels = pixels.shape[1]
    inner = torch.nn.functional.conv2d(pixels, weights.expand(channels, 1, 3, 3), groups=channels)
    found = pixels.clone()
    found[:, :, 1:-1, 1:-1] = inner.round_()
    return found


def _posterized(images: Tensor, strength: Tensor) -> Tensor:
    """Keep the highest 8 to 4 bits."""
    dropped = (4 * strength.abs()).round().to(torch.uint8).view(-1, 1, 1, 1)
    return (images >> dropped) << dropped


def _solarized(images: Tensor, strength: Tensor) -> Tensor:
    """Invert what is brighter than a level, which goes from 256 down to 0."""
    level = (256 * (1 - strength.abs())).round().short().view(-1, 1, 1, 1)
    return torch.where(images.short() >= level, 255 - images, images)


def _stretched(images: Tensor, strength: Tensor) -> Tensor:
    """Stretch each channel to the whole range."""
    low, high = images.amin(dim=(2, 3), keepdim=True).float(), images.amax(dim=(2, 3), keepdim=True).float()
    scale = torch.where(high > low, 255 / (high - low).clamp(min=1), 1.0)
    return ((images - torch.where(high > low, low, 0.0)) * scale).clamp_(0, 255).to(torch.uint8)


def _equalized(images: Tensor, strength: Tensor) -> Tensor:
    """Make all levels of a channel equally frequent, as far as whole levels allow."""
    planes = images.reshape(-1, images.shape[2] * images.shape[3]).long()
    number = torch.arange(len(planes))[:, None]
    counts = torch.bincount((planes + 256 * number).flatten(), minlength=256 * len(planes)).view(-1, 256)
    last = counts.gather(1, planes.amax(dim=1, keepdim=True))
    step = torch.div(planes.shape[1] - last, 255, rounding_mode="floor")
    before = counts.cumsum(dim=1) - counts
    table = torch.div(before + step // 2, step.clamp(min=1), rounding_mode="floor").clamp(max=255)
    table = torch.where(step > 0, table, torch.arange(256)).to(torch.uint8)
    return table.gather(1, planes).view(images.shape)


OPERATIONS: dict[str, Change | None] = {
    "identity": None,
    "shear_x": _placed(shear_x=0.3),
    "shear_y": _placed(shear_y=0.3),
    "translate_x": _placed(across=2 * 150 / 331),  # the paper's share of the side
    "translate_y": _placed(along=2 * 150 / 331),
    "rotate": lambda images, strength: turned(images, torch.deg2rad(30 * strength)),
    "brightness": _blended(torch.zeros_like),
    "colour": _blended(luminance),
    "contrast": _blended(lambda pixels: luminance(pixels).mean(dim=(2, 3), keepdim=True)),
    "sharpness": _blended(_smooth),
    "posterize": _posterized,
    "solarize": _solarized,
    "autocontrast": _stretched,
    "equalize": _equalized,
}
