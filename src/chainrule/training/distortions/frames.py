"""Where boxes go with the images of a batch: by the same draws as their pixels.

Boxes are float [B, M, 7] here: left, top, right, bottom in shares of the image's sides, class, mark, and the share of
the box that is still in the image.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.training.distortions import geometry

VISIBLE = 0.3
"""Share of a box that must be left for it to be learnt."""


def begun(boxes: Tensor) -> Tensor:
    """Return boxes [B, M, 6] as whole ones, [B, M, 7]."""
    return torch.cat([boxes, torch.ones_like(boxes[..., :1])], dim=-1)


def ended(boxes: Tensor) -> Tensor:
    """Return boxes [B, M, 6] of which enough is left; of the others the class is -1."""
    found = boxes[..., :6].clone()
    found[..., 4] = torch.where(boxes[..., 6] > VISIBLE, found[..., 4], -1.0)
    return found


def moved(boxes: Tensor, shape: torch.Size, generator: torch.Generator, *, shift: int, flip: bool) -> Tensor:
    """Return the boxes of images of a shape [B, C, H, W] that `geometry.moved` moves."""
    batch, _, height, width = shape
    down, right, mirrored = geometry.moves(batch, generator, shift=shift, flip=flip)
    across = (shift - torch.tensor(right, dtype=torch.float32)) / width
    along = (shift - torch.tensor(down, dtype=torch.float32)) / height
    ones = torch.ones(batch)
    found = _carried(boxes, _scaled(ones, ones, across, along))
    sign = torch.tensor([-1.0 if each else 1.0 for each in mirrored])
    return _carried(found, _scaled(sign, ones, (1 - sign) / 2, ones * 0))


def toppled(boxes: Tensor, shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Return the boxes of images that `geometry.toppled` mirrors."""
    sign = torch.where(geometry.heads_or_tails(shape[0], generator), -1.0, 1.0)
    ones = torch.ones_like(sign)
    return _carried(boxes, _scaled(ones, sign, ones * 0, (1 - sign) / 2))


def cropped(boxes: Tensor, shape: torch.Size, generator: torch.Generator, *, crop: float) -> Tensor:
    """Return the boxes of images of which `geometry.cropped` keeps a part."""
    _, _, height, width = shape
    parts = torch.tensor(geometry.parts(shape, generator, crop=crop), dtype=torch.float32)
    top, bottom, left, right = parts.unbind(dim=1)
    wide, high = width / (right - left), height / (bottom - top)
    return _carried(boxes, _scaled(wide, high, -left / width * wide, -top / height * high))


def resized(boxes: Tensor, shape: torch.Size, generator: torch.Generator, *, scale: float) -> Tensor:
    """Return the boxes of images that `geometry.resized` makes larger or smaller."""
    factor = geometry.factors(shape[0], generator, scale=scale)
    return _carried(boxes, _scaled(factor, factor, (1 - factor) / 2, (1 - factor) / 2))


def spun(boxes: Tensor, shape: torch.Size, generator: torch.Generator, *, degrees: float) -> Tensor:
    """Return the boxes around those of images that `geometry.spun` turns."""
    angle = geometry.angles(shape[0], generator, degrees=degrees)
    ratio, cos, sin = shape[3] / shape[2], angle.cos(), angle.sin()
    # Anticlockwise about the middle, where sides are as long as they are in pixels.
    rows = [cos, sin / ratio, 0.5 - cos / 2 - sin / ratio / 2], [-sin * ratio, cos, 0.5 + sin * ratio / 2 - cos / 2]
    return _carried(boxes, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1))


OF: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    geometry.moved: moved,
    geometry.toppled: toppled,
    geometry.cropped: cropped,
    geometry.resized: resized,
    geometry.spun: spun,
}
"""What moves boxes as pixels are moved."""


def _scaled(across: Tensor, along: Tensor, right: Tensor, down: Tensor) -> Tensor:
    still = torch.zeros_like(across)
    rows = [across, still, right], [still, along, down]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _carried(boxes: Tensor, maps: Tensor) -> Tensor:
    """Return boxes [B, M, 7] around where maps [B, 2, 3] bring them, cut to the image, with what is left of each."""
    corners = boxes[..., [[0, 1], [2, 1], [2, 3], [0, 3]]]
    placed = torch.einsum("bmcx,byx->bmcy", corners, maps[:, :, :2]) + maps[:, None, None, :, 2]
    around = torch.cat([placed.amin(dim=2), placed.amax(dim=2)], dim=2)
    inside = around.clamp(0, 1)
    whole, left = ((each[..., 2:] - each[..., :2]).prod(dim=-1) for each in (around, inside))
    share = boxes[..., 6] * torch.where(whole > 0, left / whole.clamp(min=1e-12), 0.0)
    return torch.cat([inside, boxes[..., 4:6], share[..., None]], dim=-1)
