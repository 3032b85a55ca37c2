"""What the pixels of a batch become where they are: one linear map of the channels per image, and a blur."""

import torch
from torch import Tensor

LUMINANCE = (0.299, 0.587, 0.114)
# Brightness and the two axes of colour that NTSC sends: hue is an angle between the latter.
YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def coloured(images: Tensor, generator: torch.Generator, *, strength: float, grey: float) -> Tensor:
    """Return uint8 [B, C, H, W] in other light, and a share `grey` of them without colour.

    Brightness, contrast and saturation are each multiplied by a factor drawn evenly from 1 ± strength, and hue is
    turned by up to a quarter of the strength either way, of the whole circle; strength 0.8 is SimCLR's 1 (Chen et al.
    2020, arXiv:2002.05709, appendix A). Images of one channel have brightness and contrast.
    """
    batch, channels = images.shape[:2]
    drawn = torch.rand(5, batch, generator=generator)
    bright, contrast, saturation = (1 + strength * (2 * drawn[:3] - 1)).clamp(min=0)
    saturation = torch.where(drawn[4] < grey, 0.0, saturation)
    turn = strength / 4 * (2 * drawn[3] - 1) * 2 * torch.pi
    pixels = images.contiguous().float().flatten(2)
    maps = (bright * contrast).view(-1, 1, 1)
    if channels == 3:
        maps = maps * _colour_maps(saturation, turn)
    mean = luminance(pixels).mean(dim=2, keepdim=True)
    found = torch.baddbmm((bright * (1 - contrast)).view(-1, 1, 1) * mean, maps, pixels)
    return rounded(found).view_as(images)


def _colour_maps(saturation: Tensor, turn: Tensor) -> Tensor:
    """Return the maps [B, 3, 3] of red, green and blue that stretch and turn the plane of colours."""
    cos, sin, still = saturation * turn.cos(), saturation * turn.sin(), torch.zeros_like(turn)
    rows = ([still + 1, still, still], [still, cos, -sin], [still, sin, cos])
    plane = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    return YIQ.inverse() @ plane @ YIQ


def luminance(pixels: Tensor) -> Tensor:
    """Return the brightness [B, 1, …] of float pixels [B, C, …], C 1 or 3."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = torch.split(pixels, 1, dim=1)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def blurred(images: Tensor, generator: torch.Generator, *, share: float) -> Tensor:
    """Return uint8 [B, C, H, W], a share of them blurred.

    By a Gaussian whose deviation is drawn evenly from a tenth of the largest to the largest: a hundredth of the longer
    side, half a pixel at least.
    """
    batch, channels, height, width = images.shape
    drawn = torch.rand(2, batch, generator=generator)
    chosen = (drawn[0] < share).nonzero().flatten()
    largest = max(height / 100, width / 100, 0.5)
    reach = min(max(1, round(3 * largest)), height - 1, width - 1)
    if not len(chosen) or not reach:
        return images
    sigma = (0.1 + 0.9 * drawn[1, chosen]) * largest
    weights = torch.exp(-((torch.arange(-reach, reach + 1) / sigma[:, None]) ** 2) / 2)
    weights = (weights / weights.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    planes = images[chosen].float().reshape(1, -1, height, width)
    planes = torch.nn.functional.pad(planes, (reach, reach, reach, reach), mode="reflect")
    planes = torch.nn.functional.conv2d(planes, weights[:, None, :, None], groups=planes.shape[1])
    planes = torch.nn.functional.conv2d(planes, weights[:, None, None, :], groups=planes.shape[1])
    found = images.clone()
    found[chosen] = rounded(planes.reshape(-1, channels, height, width))
    return found


def noisy(images: Tensor, generator: torch.Generator, *, largest: float) -> Tensor:
    """Return uint8 [B, C, H, W] with noise on every level.

    Gaussian, its deviation drawn evenly for each image from 0 to `largest`, a share of 255.
    """
    deviation = 255 * largest * torch.rand(len(images), generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    return rounded(torch.addcmul(images.float(), deviation[:, None, None, None], noise))


def rounded(pixels: Tensor) -> Tensor:
    """Return float pixels as uint8, what is beyond 0 to 255 at the limits."""
    return pixels.round_().clamp_(0, 255).to(torch.uint8)
