"""Where the pixels of a batch go: cut out, turned, moved, mirrored, erased.

With `places` levels are no amounts but places of classes, as masks have them: the nearest one stands for a pixel, never
a mean, and what comes into view is IGNORED in place of black. The same generator moves images and masks alike.
"""

import torch
from torch import Tensor

IGNORED = 255
"""The level of a mask's pixels that are of no class."""


def cropped(images: Tensor, generator: torch.Generator, *, crop: float, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W], of each a part that fills the whole (Szegedy et al. 2015, arXiv:1409.4842, section 6).

    crop: the smallest share of the area that is kept; shares are drawn evenly from it to 1, the part's shape from 3:4
    to 4:3 of the image's as far as it fits.
    """
    return filled(images, parts(images.shape, generator, crop=crop), places)


def parts(shape: torch.Size, generator: torch.Generator, *, crop: float) -> list[list[int]]:
    """Return what `cropped` cuts out of each image: rows from and to, columns from and to."""
    batch, _, height, width = shape
    drawn = torch.rand(4, batch, generator=generator)
    area = crop + (1 - crop) * drawn[0]
    least, most = area.clamp(min=3 / 4).log(), area.reciprocal().clamp(max=4 / 3).log()
    ratio = (least + (most - least) * drawn[1]).exp()
    wide = ((area * ratio).sqrt() * width).round().clamp(1, width)
    high = ((area / ratio).sqrt() * height).round().clamp(1, height)
    left, top = (drawn[2] * (width - wide + 1)).floor(), (drawn[3] * (height - high + 1)).floor()
    found: list[list[int]] = torch.stack([top, top + high, left, left + wide], dim=1).long().tolist()
    return found


def filled(images: Tensor, boxes: list[list[int]], places: bool) -> Tensor:
    """Return uint8 [B, C, H, W], of each the part in its box (rows from and to, columns from and to) scaled to all."""
    height, width = images.shape[2:]
    found = torch.empty_like(images)
    mode = "nearest-exact" if places else "bilinear"
    # One by one: torch scales whole levels five times as fast as it samples floats.
    for row, (start, end, first, last) in enumerate(boxes):
        part = images[row : row + 1, :, start:end, first:last]
        found[row] = torch.nn.functional.interpolate(part, (height, width), mode=mode)[0]
    return found


def windows(images: Tensor, generator: torch.Generator, *, side: int) -> Tensor:
    """Return uint8 [B, C, side, side], a square at random out of each; sides that are shorter stay whole."""
    batch, _, height, width = images.shape
    high, wide = min(side, height), min(side, width)
    top = torch.randint(0, height - high + 1, (batch,), generator=generator).tolist()
    left = torch.randint(0, width - wide + 1, (batch,), generator=generator).tolist()
    cut = [images[row, :, top[row] : top[row] + high, left[row] : left[row] + wide] for row in range(batch)]
    return torch.stack(cut)


def spun(images: Tensor, generator: torch.Generator, *, degrees: float, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W], each turned by an angle drawn evenly up to `degrees` either way."""
    return turned(images, angles(len(images), generator, degrees=degrees), places)


def angles(batch: int, generator: torch.Generator, *, degrees: float) -> Tensor:
    """Return by how much `spun` turns each image, [B] in radians."""
    return torch.deg2rad(degrees * (2 * torch.rand(batch, generator=generator) - 1))


def resized(images: Tensor, generator: torch.Generator, *, scale: float, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W], each larger or smaller about its middle by a factor drawn evenly from 1 ± scale."""
    return scaled(images, factors(len(images), generator, scale=scale), places)


def factors(batch: int, generator: torch.Generator, *, scale: float) -> Tensor:
    """Return by how much `resized` makes each image larger, [B]."""
    return 1 + scale * (2 * torch.rand(batch, generator=generator) - 1)


def turned(images: Tensor, angle: Tensor, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W] turned by angles [B] in radians, anticlockwise; black comes into view."""
    shape, still = images.shape[3] / images.shape[2], torch.zeros_like(angle)
    rows = [angle.cos(), -angle.sin() / shape, still], [angle.sin() * shape, angle.cos(), still]
    return mapped(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), places)


def scaled(images: Tensor, factor: Tensor, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W] as large as factors [B] say, about their middle; black comes into view."""
    still = torch.zeros_like(factor)
    rows = [factor.reciprocal(), still, still], [still, factor.reciprocal(), still]
    return mapped(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), places)


def toppled(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return uint8 [B, C, H, W], each mirrored top to bottom half of the time."""
    chosen = heads_or_tails(len(images), generator)
    return torch.where(chosen[:, None, None, None], images.flip(2), images)


def heads_or_tails(batch: int, generator: torch.Generator) -> Tensor:
    """Return which images are mirrored, half of them, bool [B]."""
    return torch.rand(batch, generator=generator) < 0.5


def mapped(images: Tensor, maps: Tensor, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W] in which each pixel is the one that its map [B, 2, 3] sends it to, black beyond.

    Maps are of coordinates from -1 to 1 in width and height, as `torch.nn.functional.affine_grid` has them.
    """
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    if places:  # 0 is what lies beyond
        levels = images.contiguous().float() + 1
        found = torch.nn.functional.grid_sample(levels, grid, mode="nearest", align_corners=False)
        return torch.where(found == 0, float(IGNORED), found - 1).to(torch.uint8)
    found = torch.nn.functional.grid_sample(images.contiguous().float(), grid, align_corners=False)
    return found.round_().to(torch.uint8)


def moved(images: Tensor, generator: torch.Generator, *, shift: int, flip: bool, places: bool = False) -> Tensor:
    """Return uint8 [B, C, H, W] moved by up to `shift` pixels either way, black beyond; mirrored half of the time."""
    batch, _, height, width = images.shape
    last = images.permute(0, 2, 3, 1)
    padded = torch.nn.functional.pad(last, (0, 0, *[shift] * 4), value=IGNORED if places else 0) if shift else last
    down, right, mirrored = moves(batch, generator, shift=shift, flip=flip)
    found = torch.empty_like(last, memory_format=torch.contiguous_format)
    for row, (top, left, mirror) in enumerate(zip(down, right, mirrored, strict=True)):
        part = padded[row, top : top + height, left : left + width]
        found[row] = part.flip(1) if mirror else part
    return found.permute(0, 3, 1, 2)


def moves(batch: int, generator: torch.Generator, *, shift: int, flip: bool) -> tuple[list[int], list[int], list[bool]]:
    """Return how much less than `shift` `moved` moves each image down and right, and whether it mirrors it."""
    down, right = torch.randint(0, 2 * shift + 1, (2, batch), generator=generator).tolist()
    return down, right, heads_or_tails(batch, generator).tolist() if flip else [False] * batch


def erased(images: Tensor, generator: torch.Generator, *, side: int) -> Tensor:
    """Return uint8 [B, C, H, W], a square of that side greyed out (DeVries & Taylor 2017, Cutout, arXiv:1708.04552)."""
    batch, _, height, width = images.shape
    top = torch.randint(-side // 2, height - side // 2, (batch, 1), generator=generator)
    left = torch.randint(-side // 2, width - side // 2, (batch, 1), generator=generator)
    inside_rows = (torch.arange(height) >= top) & (torch.arange(height) < top + side)
    inside_columns = (torch.arange(width) >= left) & (torch.arange(width) < left + side)
    hole = inside_rows[:, :, None, None] & inside_columns[:, None, :, None]
    last = images.permute(0, 2, 3, 1)
    grey = last.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, grey, last).permute(0, 3, 1, 2)
