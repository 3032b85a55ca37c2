"""Masked-image reconstruction: hide patches of the input, predict their pixels.

Xie et al. 2022, SimMIM (arXiv:2111.09886): a learned value in place of the masked patches, a one-layer decoder, and
the mean absolute error on the masked pixels alone; or the squared one; or likeness of structure, SSIM, after Wang et
al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity" (doi.org/10.1109/TIP.2003.819861).
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Strip, Strips
from chainrule.nets.shared import needs
from chainrule.system.errors import ParamsError
from chainrule.training.objectives.shared import pictures

WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


class MaskedImage(nn.Module):
    """Reconstruct masked patches from the net's feature map through a 1×1 convolution and a pixel shuffle."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, channels: int, mean: Tensor, std: Tensor, *, mask_ratio: float, patch: int, loss: str
    ) -> None:
        """Wrap an image net with `feature_map`, `map_channels` and `stride`.

        mean, std: [channels], of pixels in 0..1. mask_ratio: share of the patches that are hidden. patch: side of a
        patch in pixels. loss: l1 or mse, of masked pixels in standard deviations; or ssim, 1 minus the likeness of
        structure of an image and itself with the rebuilt pixels put in.
        """
        super().__init__()
        self.net = net
        self.patch = patch
        self.mask_ratio = mask_ratio
        self.loss = loss
        self.mask_value = nn.Parameter(torch.zeros(channels))
        stride = int(net.stride)  # type: ignore[arg-type]
        self.decoder = nn.Sequential(
            nn.Conv2d(int(net.map_channels), channels * stride * stride, 1),  # type: ignore[arg-type]
            nn.PixelShuffle(stride),
        )
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss, logits (the reconstruction, normalised, [B, C, H, W]), mask bool [B, 1, H, W] and count [] of
        images. batch["image"]: uint8 [B, C, H, W].
        """
        images = (batch["image"].float() / 255 - self.mean) / self.std
        mask = self._mask(images)
        hidden = torch.where(mask, self.mask_value.view(1, -1, 1, 1), images)
        rebuilt = self._rebuilt(hidden)
        loss = self._loss(rebuilt, images, mask)
        return {"loss": loss, "logits": rebuilt, "mask": mask, "count": torch.tensor(len(images))}

    def _rebuilt(self, hidden: Tensor) -> Tensor:
        """Return what the net makes of images, float32 of the same shape, though its maps be of scaled ones."""
        rebuilt: Tensor = self.decoder(self.net.feature_map(hidden)).float()  # type: ignore[operator]
        height, width = hidden.shape[-2:]
        if getattr(self.net, "size", None) is not None:
            return nn.functional.interpolate(rebuilt, (height, width), mode="bilinear", align_corners=False)
        return rebuilt[..., :height, :width]

    def _loss(self, rebuilt: Tensor, images: Tensor, mask: Tensor) -> Tensor:
        if self.loss == "ssim":
            whole = torch.where(mask, rebuilt, images)
            return 1 - ssim(whole * self.std + self.mean, images * self.std + self.mean).mean()
        errors = rebuilt - images
        errors = (errors.abs() if self.loss == "l1" else errors.square()) * mask
        return errors.sum() / (mask.sum() * images.shape[1]).clamp(min=1)

    def _mask(self, images: Tensor) -> Tensor:
        """Return a bool mask [B, 1, H, W] with exactly the same number of hidden patches in every image."""
        batch, _, height, width = images.shape
        rows, columns = -(-height // self.patch), -(-width // self.patch)
        hidden = max(1, round(self.mask_ratio * rows * columns))
        order = torch.rand(batch, rows * columns, device=images.device).argsort(dim=1)
        patches = (order < hidden).view(batch, 1, rows, columns)
        return patches.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)[..., :height, :width]


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Return the likeness of structure at every window, [B, C, H', W'], of images with pixels in 0..1, [B, C, H, W].

    As Wang et al. computed it: Gaussian windows of 11×11 pixels, sigma 1.5, that lie within the image (smaller ones
    where the image is), K1 0.01 and K2 0.03. 1 where windows are the same; less, and negative, where they differ.
    """
    side = min(WINDOW, *(each - 1 + each % 2 for each in one.shape[-2:]))
    places = torch.arange(side, dtype=one.dtype, device=one.device) - side // 2
    weights = (-(places**2) / (2 * SIGMA**2)).exp()
    weights = weights / weights.sum()

    def mean(images: Tensor) -> Tensor:
        flat = images.flatten(0, 1).unsqueeze(1)
        flat = nn.functional.conv2d(nn.functional.conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
        return flat.view(*images.shape[:2], *flat.shape[-2:])

    luminance, contrast = K1**2, K2**2
    first, second = mean(one), mean(other)
    covariance = mean(one * other) - first * second
    variances = mean(one**2) - first**2 + mean(other**2) - second**2
    return ((2 * first * second + luminance) * (2 * covariance + contrast)) / (
        (first**2 + second**2 + luminance) * (variances + contrast)
    )


def build(net: nn.Module, facts: dict[str, Any], *, mask_ratio: float, patch: int, loss: str) -> MaskedImage:
    """Return the objective for a net and the facts of its inputs (mean and std per channel, of pixels in 0..1).

    Raises ParamsError where the mask would leave nothing of an image to see, and for a net without a feature map.
    """
    needs.require(net, "feature_map", "masked_image")
    patches = -(-facts["height"] // patch) * -(-facts["width"] // patch)
    if round(mask_ratio * patches) >= patches or patches == 1:
        raise ParamsError(
            f"pretrain.objective: patch {patch} and mask_ratio {mask_ratio:g} hide the whole of an image of "
            f"{facts['width']}×{facts['height']} pixels; take a smaller patch or ratio"
        )
    mean, std = torch.tensor(facts["mean"]), torch.tensor(facts["std"])
    return MaskedImage(net, len(mean), mean, std, mask_ratio=mask_ratio, patch=patch, loss=loss)


@torch.no_grad()
def show(objective: MaskedImage, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return validation images, what was hidden of them and what came back; loss: of all of them.

    What came back is seen where something was hidden; the rest is the image's.
    """
    images = pictures.some(inputs, objective.net, seed)
    result = objective({"image": images})
    mask, pixels = result["mask"], images.float() / 255
    rebuilt = (result["logits"] * objective.std + objective.mean).clamp(0, 1)
    hidden = torch.where(mask, 0.5, pixels)
    three = {"as it is": pixels, "hidden": hidden, "what came back": torch.where(mask, rebuilt, pixels)}
    drawn = {name: pictures.drawn(each) for name, each in three.items()}
    rows = [Strip([(each[place], name) for name, each in drawn.items()]) for place in range(len(images))]
    note = "Validation images: as they are, without what was hidden (grey), and with what came back in its place."
    return Learnt({"loss": f"{loss:.3f}"}, [Strips("What was hidden and what came back", note, rows)])
