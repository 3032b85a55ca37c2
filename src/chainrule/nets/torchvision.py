"""Any classifier, segmentation net or detector of torchvision by its name, with fresh weights and without its head.

Of segmentation nets (Long et al. 2015, https://arxiv.org/abs/1411.4038; Chen et al. 2017, DeepLabv3,
https://arxiv.org/abs/1706.05587; Howard et al. 2019, LR-ASPP, https://arxiv.org/abs/1905.02244) the maps that are
classified are what they show; of detectors (Lin et al. 2017, https://arxiv.org/abs/1612.03144; Liu et al. 2016, SSD,
https://arxiv.org/abs/1512.02325) those that their heads look at, a feature pyramid.
"""

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


class SegmentationNet(nn.Module):
    """A torchvision segmentation net as maps, `pyramid`, the finest first; as an embedding the mean of the last."""

    channels_last = True
    seen = 64
    """Pixels of a side at which it is asked of what size maps are."""

    def __init__(self, net: nn.Module, size: int | None) -> None:
        super().__init__()
        self.net = net
        self.size = size
        self.gains_from_bf16 = gains_from_bf16(net)
        net.eval()
        with torch.no_grad():
            side = size or self.seen
            seen = self.feature_maps(torch.zeros(1, 3, side, side))
            sizes = [(int(maps.shape[1]), side // int(maps.shape[3])) for maps in seen]
        net.train()
        self.pyramid = sizes
        self.out_features = sizes[-1][0]

    def feature_maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps that `pyramid` tells of, each [B, channels, height, width], of normalised images."""
        found = self.net.backbone(as_taken(images, self.size))  # type: ignore[operator]
        head = self.net.classifier
        if "low" in found:  # LR-ASPP
            return [found["low"], head.cbr(found["high"]) * head.scale(found["high"])]  # type: ignore[operator, union-attr]
        return [head(found["out"])]  # type: ignore[operator]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, out_features] of normalised float32 images [B, C, H, W], scaled to `size` if it is set."""
        return self.feature_maps(images)[-1].mean((2, 3))


class DetectionNet(SegmentationNet):
    """The body of a torchvision detector as maps, those of its feature pyramid, the finest first."""

    seen = 320  # the coarsest maps of some have stride 300

    def feature_maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps that `pyramid` tells of, each [B, channels, height, width], of normalised images."""
        return list(self.net.backbone(as_taken(images, self.size)).values())  # type: ignore[operator]


def build(channels: int, *, arch: str, size: int | None) -> TorchvisionNet | SegmentationNet:
    """Build the net that torchvision calls `arch`, for images of 1 or 3 `channels`; ParamsError for others.

    size: the side in pixels to which it scales the images; None: it takes them as they are.
    """
    from torchvision import models  # 3 s

    known = models.list_models(module=models)
    over_places = models.list_models(module=models.segmentation)
    detectors = models.list_models(module=models.detection)
    if arch not in (*known, *over_places, *detectors):
        near = difflib.get_close_matches(arch, [*known, *over_places, *detectors], 3, 0.4) or [
            "resnet18",
            "mobilenet_v3_small",
            "convnext_tiny",
        ]
        raise ParamsError(f"net torchvision: torchvision has no classifier {arch!r}; did you mean {' or '.join(near)}?")
    if channels not in (1, 3):
        raise ParamsError(f"net torchvision: images of {channels} channels; torchvision's classifiers take 1 or 3")
    if arch in detectors:
        whole = models.get_model(arch, weights=None, weights_backbone=None)
        return DetectionNet(nn.ModuleDict({"backbone": whole.backbone}), size)
    if arch in over_places:
        net = models.get_model(arch, weights=None, weights_backbone=None)
        for name in ("low_classifier", "high_classifier"):
            if hasattr(net.classifier, name):
                setattr(net.classifier, name, nn.Identity())
        if isinstance(net.classifier, nn.Sequential):
            net.classifier[-1] = nn.Identity()
        return SegmentationNet(net, size)
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
