"""Masked-image reconstruction: hide patches of the input, predict their pixels.

Xie et al. 2022, SimMIM (arXiv:2111.09886): a learned value in place of the masked patches, a one-layer decoder, and
the mean absolute error on the masked pixels alone.
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system.errors import ParamsError


class MaskedImage(nn.Module):
    """Reconstruct masked patches from the net's feature map through a 1×1 convolution and a pixel shuffle."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, channels: int, mean: Tensor, std: Tensor, *, mask_ratio: float, patch: int
    ) -> None:
        """Wrap an image net with `feature_map`, `map_channels` and `stride`.

        mean, std: [channels], of pixels in 0..1. mask_ratio: share of the patches that are hidden. patch: side of a
        patch in pixels.
        """
        super().__init__()
        self.net = net
        self.patch = patch
        self.mask_ratio = mask_ratio
        self.mask_value = nn.Parameter(torch.zeros(channels))
        stride = int(net.stride)  # type: ignore[arg-type]
        self.decoder = nn.Sequential(
            nn.Conv2d(int(net.map_channels), channels * stride * stride, 1),  # type: ignore[arg-type]
            nn.PixelShuffle(stride),
        )
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean absolute error over masked pixels, in standard deviations), logits (the reconstruction,
        normalised, [B, C, H, W]), mask bool [B, 1, H, W] and count [] of images. batch["image"]: uint8 [B, C, H, W].
        """
        images = (batch["image"].float() / 255 - self.mean) / self.std
        mask = self._mask(images)
        hidden = torch.where(mask, self.mask_value.view(1, -1, 1, 1), images)
        height, width = images.shape[-2:]
        rebuilt = self.decoder(self.net.feature_map(hidden)).float()[..., :height, :width]  # type: ignore[operator]
        error = (rebuilt - images).abs() * mask
        loss = error.sum() / (mask.sum() * images.shape[1]).clamp(min=1)
        count = torch.tensor(len(images))
        return {"loss": loss, "logits": rebuilt, "mask": mask, "count": count}

    def _mask(self, images: Tensor) -> Tensor:
        """Return a bool mask [B, 1, H, W] with exactly the same number of hidden patches in every image."""
        batch, _, height, width = images.shape
        rows, columns = -(-height // self.patch), -(-width // self.patch)
        hidden = max(1, round(self.mask_ratio * rows * columns))
        order = torch.rand(batch, rows * columns, device=images.device).argsort(dim=1)
        patches = (order < hidden).view(batch, 1, rows, columns)
        return patches.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)[..., :height, :width]


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, patch: int) -> MaskedImage:
    """Return the objective for a net and the facts of its inputs (mean and std per channel, of pixels in 0..1).

    Raises ParamsError where the mask would leave nothing of an image to see.
    """
    patches = -(-facts["height"] // patch) * -(-facts["width"] // patch)
    if round(mask_ratio * patches) >= patches or patches == 1:
        raise ParamsError(
            f"pretrain.objective: patch {patch} and mask_ratio {mask_ratio:g} hide the whole of an image of "
            f"{facts['width']}×{facts['height']} pixels; take a smaller patch or ratio"
        )
    mean, std = torch.tensor(facts["mean"]), torch.tensor(facts["std"])
    return MaskedImage(net, len(mean), mean, std, mask_ratio=mask_ratio, patch=patch)
