"""Images of a batch mixed with one another: what is told of the mixture is mixed alike."""

import numpy as np
import torch
from torch import Tensor

from chainrule.training.distortions.pieces import pieces


def mixed(images: Tensor, generator: torch.Generator, *, mixup: float, cutmix: float) -> tuple[Tensor, Tensor, float]:
    """Return uint8 [B, C, H, W] mixed with partners of the same batch, the partners [B], and the share that is kept.

    The share is drawn from Beta(a, a), one for the batch. mixup: a of a sum of pixels (Zhang et al. 2018,
    arXiv:1710.09412); cutmix: a of a rectangle that is pasted in (Yun et al. 2019, arXiv:1905.04899). Where both are
    above 0, each batch draws which.
    """
    partner = torch.randperm(len(images), generator=generator)
    # torch's Beta takes no generator.
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    cut = not mixup or (cutmix > 0 and rng.random() < 0.5)
    share = float(rng.beta(cutmix, cutmix) if cut else rng.beta(mixup, mixup))
    if not cut:
        parts = pieces(images)
        others = torch.split(partner, len(parts[0]))
        sums = (torch.lerp(images[rows].float(), own.float(), share) for own, rows in zip(parts, others, strict=True))
        return torch.cat([pixels.round_().to(torch.uint8) for pixels in sums]), partner, share
    height, width = images.shape[2:]
    middle_row, middle_column, side = rng.random() * height, rng.random() * width, (1 - share) ** 0.5 / 2
    top, bottom = (min(max(round(middle_row + way * side * height), 0), height) for way in (-1, 1))
    left, right = (min(max(round(middle_column + way * side * width), 0), width) for way in (-1, 1))
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
    return pasted, partner, 1 - (bottom - top) * (right - left) / (height * width)
