"""Any classifier of torchvision by its name, with fresh weights and without its last layer."""

import difflib

import torch
from torch import nn

from chainrule.nets.shared.images import as_taken, gains_from_bf16
from chainrule.system.errors import ParamsError

_CLASSES = 1000  # every torchvision classifier ends in this many unless told otherwise


class TorchvisionNet(nn.Module):
    """A torchvision classifier as an embedding; one grey channel is shown to it three times.

    Vision transformers take 224×224 images only, and several of the older networks nothing much below that.
    """

    channels_last = True

    def __init__(self, net: nn.Module, out_features: int, size: int | None) -> None:
        super().__init__()
        self.net = net
        self.out_features = out_features
        self.size = size
        self.gains_from_bf16 = gains_from_bf16(net)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W], scaled to `size` if it is set."""
        embeddings: torch.Tensor = self.net(as_taken(images, self.size))
        return embeddings


def build(channels: int, *, arch: str, size: int | None) -> TorchvisionNet:
    """Build the classifier that torchvision calls `arch`, for images of 1 or 3 `channels`; ParamsError for others.

    size: the side in pixels to which it scales the images; None: it takes them as they are.
    """
    from torchvision import models  # 3 s

    known = models.list_models(module=models)
    if arch not in known:
        near = difflib.get_close_matches(arch, known, 3, 0.4) or [
            "resnet18",
            "mobilenet_v3_small",
            "convnext_tiny",
        ]
        raise ParamsError(f"net torchvision: torchvision has no classifier {arch!r}; did you mean {' or '.join(near)}?")
    if channels not in (1, 3):
        raise ParamsError(f"net torchvision: images of {channels} channels; torchvision's classifiers take 1 or 3")
    # These two train against extra heads, which would be part of the result.
    extra = {"aux_logits": False, "init_weights": True} if arch in ("googlenet", "inception_v3") else {}
    net = models.get_model(arch, weights=None, **extra)
    return TorchvisionNet(net, _behead(net, arch), size)


def _behead(net: nn.Module, arch: str) -> int:
    """Replace the last layer, linear or 1×1 convolution, by the identity and say how many features go into it."""
    for name, module in reversed(list(net.named_modules())):
        if isinstance(module, nn.Linear) and module.out_features == _CLASSES:
            features = module.in_features
        elif isinstance(module, nn.Conv2d) and module.out_channels == _CLASSES:
            features = module.in_channels
        else:
            continue
        parent, _, attribute = name.rpartition(".")
        setattr(net.get_submodule(parent), attribute, nn.Identity())
        return features
    raise ParamsError(f"net torchvision: {arch} has no last layer of {_CLASSES} classes to remove; take another arch")
