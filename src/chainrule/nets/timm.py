"""Any net of timm by its name, without its classifier; its weights are a base's, or fresh.

Wightman, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models.
"""

import difflib

import torch
from torch import nn

from chainrule.system.errors import ParamsError


class TimmNet(nn.Module):
    """A net of timm as an embedding; one grey channel is shown to it three times."""

    channels_last = True

    def __init__(self, net: nn.Module, size: int | None) -> None:
        super().__init__()
        self.net = net
        self.size = size
        self.out_features = int(net.num_features)  # type: ignore[arg-type]
        convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
        self.gains_from_bf16 = all(module.groups == 1 for module in convolutions)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W], scaled to `size` if it is set."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if self.size is not None:
            sides = (self.size, self.size)
            images = nn.functional.interpolate(images, sides, mode="bilinear", align_corners=False)
        embeddings: torch.Tensor = self.net(images)
        return embeddings


def build(channels: int, *, arch: str | None, size: int | None) -> TimmNet:
    """Build the net that timm calls `arch`, for images of 1 or 3 `channels`; ParamsError for others."""
    import timm  # 4 s

    if arch is None:
        raise ParamsError("net timm: arch is needed where no base says it, such as resnet18")
    if not timm.is_model(arch):
        near = difflib.get_close_matches(arch, timm.list_models(), 3, 0.4) or ["resnet18", "tf_efficientnet_lite0"]
        raise ParamsError(f"net timm: timm has no net {arch!r}; did you mean {' or '.join(near)}?")
    if channels not in (1, 3):
        raise ParamsError(f"net timm: images of {channels} channels; it takes 1 or 3")
    return TimmNet(timm.create_model(arch, pretrained=False, num_classes=0), size)
