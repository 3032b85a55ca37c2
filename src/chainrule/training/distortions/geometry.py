"""Where the pixels of a batch go: cut out, turned, moved, mirrored, erased."""

import torch
from torch import Tensor


def cropped(images: Tensor, generator: torch.Generator, *, crop: float) -> Tensor:
    """Return uint8 [B, C, H, W], of each a part that fills the whole (Szegedy et al. 2015, arXiv:1409.4842, section 6).

    crop: the smallest share of the area that is kept; shares are drawn evenly from it to 1, the part's shape from 3:4
    to 4:3 of the image's as far as it fits.
    """
    batch, _, height, width = images.shape
    drawn = torch.rand(4, batch, generator=generator)
    area = crop + (1 - crop) * drawn[0]
    least, most = area.clamp(min=3 / 4).log(), area.reciprocal().clamp(max=4 / 3).log()
    ratio = (least + (most - least) * drawn[1]).exp()
    wide = ((area * ratio).sqrt() * width).round().clamp(1, width)
    high = ((area / ratio).sqrt() * height).round().clamp(1, height)
    left, top = (drawn[2] * (width - wide + 1)).floor(), (drawn[3] * (height - high + 1)).floor()
    boxes = torch.stack([top, top + high, left, left + wide], dim=1).long().tolist()
    found = torch.empty_like(images)
    # One by one: torch scales whole levels five times as fast as it samples floats.
    for row, (start, end, first, last) in enumerate(boxes):
        part = images[row : row + 1, :, start:end, first:last]
        found[row] = torch.nn.functional.interpolate(part, (height, width), mode="bilinear")[0]
    return found


def turned(images: Tensor, angle: Tensor) -> Tensor:
    """Return uint8 [B, C, H, W] turned by angles [B] in radians, anticlockwise; black comes into view."""
    shape, still = images.shape[3] / images.shape[2], torch.zeros_like(angle)
    rows = [angle.cos(), -angle.sin() / shape, still], [angle.sin() * shape, angle.cos(), still]
    return mapped(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1))


def scaled(images: Tensor, factor: Tensor) -> Tensor:
    """Return uint8 [B, C, H, W] as large as factors [B] say, about their middle; black comes into view."""
    still = torch.zeros_like(factor)
    rows = [factor.reciprocal(), still, still], [still, factor.reciprocal(), still]
    return mapped(images, torch.stack([torch.stack(row, dim=1) for row in rows], dim=1))


def toppled(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return uint8 [B, C, H, W], each mirrored top to bottom half of the time."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(2), images)


def mapped(images: Tensor, maps: Tensor) -> Tensor:
    """Return uint8 [B, C, H, W] in which each pixel is the one that its map [B, 2, 3] sends it to, black beyond.

    Maps are of coordinates from -1 to 1 in width and height, as `torch.nn.functional.affine_grid` has them.
    """
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    found = torch.nn.functional.grid_sample(images.contiguous().float(), grid, align_corners=False)
    return found.round_().to(torch.uint8)


def moved(images: Tensor, generator: torch.Generator, *, shift: int, flip: bool) -> Tensor:
    """Return uint8 [B, C, H, W] moved by up to `shift` pixels either way, black beyond; mirrored half of the time."""
    batch, _, height, width = images.shape
    last = images.permute(0, 2, 3, 1)
    padded = torch.nn.functional.pad(last, (0, 0, shift, shift, shift, shift)) if shift else last
    down, right = torch.randint(0, 2 * shift + 1, (2, batch), generator=generator).tolist()
    mirrored = (torch.rand(batch, generator=generator) < 0.5).tolist() if flip else [False] * batch
    found = torch.empty_like(last, memory_format=torch.contiguous_format)
    for row, (top, left, mirror) in enumerate(zip(down, right, mirrored, strict=True)):
        part = padded[row, top : top + height, left : left + width]
        found[row] = part.flip(1) if mirror else part
    return found.permute(0, 3, 1, 2)


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
