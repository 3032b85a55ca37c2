"""Any net of timm by its name, without its classifier; its weights are a base's, or fresh.

Wightman, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models.
"""

import difflib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from chainrule.nets.shared.images import as_taken, gains_from_bf16
from chainrule.system.errors import ParamsError


class _Even(nn.Module):
    """A convolution as TensorFlow pads it, of maps whose sides are multiples of its stride; weights as they were."""

    def __init__(self, like: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = like.weight, like.bias
        self.stride, self.dilation, self.groups = like.stride, like.dilation, like.groups
        sides = zip(like.kernel_size, like.stride, like.dilation, strict=True)
        high, wide = (max((kernel - 1) * dilation + 1 - stride, 0) for kernel, stride, dilation in sides)
        self.padding = (wide // 2, wide - wide // 2, high // 2, high - high // 2)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn maps [B, C, H, W] into maps [B, C', H/stride, W/stride]."""
        padded = nn.functional.pad(maps, self.padding)
        return nn.functional.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class TimmNet(nn.Module):
    """A net of timm as an embedding; one grey channel is shown to it three times.

    Where timm knows what is inside the net, `pyramid` holds channels and stride of the maps that it goes through, the
    finest first, and `map_channels` and `stride` are those of the last. Strides are of the scaled images;
    `multiple` is of what sides should be a multiple for maps of a size that does not vary.
    """

    channels_last = True

    def __init__(self, net: nn.Module, size: int | None) -> None:
        super().__init__()
        self.net = net
        self.size = size
        # What comes out without a classifier may be wider than the last map, as in MobileNetV3.
        self.out_features = int(getattr(net, "head_hidden_size", None) or net.num_features)  # type: ignore[arg-type]
        self.gains_from_bf16 = gains_from_bf16(net)
        if hasattr(net, "forward_intermediates") and getattr(net, "feature_info", None):
            self.pyramid = [(int(info["num_chs"]), int(info["reduction"])) for info in net.feature_info]  # type: ignore[union-attr]
            self.map_channels, self.stride = self.pyramid[-1]
            self.multiple = self.stride

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W], scaled to `size` if it is set."""
        embeddings: torch.Tensor = self.net(as_taken(images, self.size))
        return embeddings

    def feature_maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps that `pyramid` tells of, each [B, channels, height, width], of images as `forward` takes."""
        return self._maps(images, None)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """[B, map_channels, height/stride, width/stride] of the scaled images; of a transformer its patches."""
        return self._maps(images, 1)[-1]

    def _maps(self, images: torch.Tensor, last: int | None) -> list[torch.Tensor]:
        maps: list[torch.Tensor] = self.net.forward_intermediates(  # type: ignore[operator]
            as_taken(images, self.size), indices=last, output_fmt="NCHW", intermediates_only=True
        )
        return maps

    def on_multiples(self) -> None:
        """Take images from now on whose sides are multiples of `multiple`: what is padded hangs on no size any more.

        Padded by the sizes of what they get, as TensorFlow does, maps of any size have sizes that take the exporter
        minutes to work out.
        """
        from timm.layers.conv2d_same import Conv2dSame

        for name, module in list(self.net.named_modules()):
            if isinstance(module, Conv2dSame):
                parent, _, attribute = name.rpartition(".")
                setattr(self.net.get_submodule(parent), attribute, _Even(module))

    def adapted(self, weights: Mapping[str, torch.Tensor]) -> tuple[Mapping[str, torch.Tensor], list[str]]:
        """Return weights of this net at another image size as this one's, and what to say of it.

        Position embeddings [1, P, D] are interpolated (ViT, arXiv:2010.11929, section 3.2); all else is left.
        """
        name, own = "net.pos_embed", getattr(self.net, "pos_embed", None)
        found, patches = weights.get(name), getattr(self.net, "patch_embed", None)
        if own is None or found is None or patches is None or found.shape == own.shape or found.ndim != 3:
            return weights, []
        from timm.layers.pos_embed import resample_abs_pos_embed

        grid = list(patches.grid_size)
        before = own.shape[1] - grid[0] * grid[1]  # class and register tokens that have a position
        fitted = resample_abs_pos_embed(found, new_size=grid, num_prefix_tokens=before)
        told = f"position embeddings of {found.shape[1]} are interpolated to {own.shape[1]} (net.size)"
        return {**weights, name: fitted}, [told]


def build(channels: int, *, arch: str | None, size: int | None) -> TimmNet:
    """Build the net that timm calls `arch`, for images of 1 or 3 `channels`; ParamsError for others.

    size: to which the net scales images; None: a net of one fixed size takes its own, another takes images as they are.
    """
    import timm  # 4 s

    if arch is None:
        raise ParamsError("net timm: arch is needed where no base says it, such as resnet18")
    if not timm.is_model(arch):
        near = difflib.get_close_matches(arch, timm.list_models(), 3, 0.4) or ["resnet18", "tf_efficientnet_lite0"]
        raise ParamsError(f"net timm: timm has no net {arch!r}; did you mean {' or '.join(near)}?")
    if channels not in (1, 3):
        raise ParamsError(f"net timm: images of {channels} channels; it takes 1 or 3")
    taken = timm.get_pretrained_cfg(arch)
    if taken is None or not taken.fixed_input_size:
        return TimmNet(timm.create_model(arch, pretrained=False, num_classes=0), size)
    own = int(taken.input_size[-1])
    other: dict[str, Any] = {} if size in (None, own) else {"img_size": size}
    try:
        return TimmNet(timm.create_model(arch, pretrained=False, num_classes=0, **other), size or own)
    except (AssertionError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())[:120]
        raise ParamsError(f"net timm: {arch} cannot be built for size {size}; null is {own} ({why})") from None
