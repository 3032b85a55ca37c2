"""Boxes over an image, the face for training: any net that shows the maps it goes through, and a detector over them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.nets.shared import decoder, detector
from chainrule.nets.shared.detector import Dense
from chainrule.system.errors import ParamsError
from chainrule.training.bodies.image import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.targets import boxes
from chainrule.training.targets.boxes import calibrate

__all__ = ["build", "calibrate", "dynamic_shapes", "example", "objective", "padding", "parity_shapes"]
MOST = 300
"""Places of an image that are answered, the likeliest; several may mean one thing."""


class Model(nn.Module):
    """A net that maps normalised images to maps of several sizes, and a detector over them as its head."""

    inputs = ("image",)
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take mean and std per channel, of pixels in 0..1, from the facts of the inputs. ParamsError without maps."""
        super().__init__()
        pyramid = decoder.pyramid(net)
        if not pyramid:
            raise ParamsError(
                "net: detection needs a net that shows its maps: dsdnet, dilated, resnet9, timm, a torchvision detector"
            )
        prepare: Callable[[], None] | None = getattr(net, "on_multiples", None)
        if prepare is not None:
            prepare()
        self.net = net
        self.head = detector.Detector(
            pyramid, len(target["classes"]), bool(getattr(net, "separable", False)), tuple(target["sides"])
        )
        self._used = detector.used(pyramid)
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(facts[name]).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return boxes [B, K, 4] and scores [B, K, C] of images uint8 [B, channels, H, W] (see `detector`)."""
        return self.chosen(self.dense(image))

    def dense(self, image: Tensor) -> Dense:
        """Return what is said at every place of images."""
        images = decoder.filled(self._normalised(image), getattr(self.net, "multiple", 1))
        maps = decoder.maps(self.net, images)
        filled = images.shape[3] / image.shape[3], images.shape[2] / image.shape[2]
        found: Dense = self.head([maps[place] for place in self._used], filled)
        return found

    def chosen(self, dense: Dense) -> dict[str, Tensor]:
        """Return what is answered of that: the likeliest places, each with its box and a score of every class."""
        places, scores = detector.likeliest(dense, MOST)
        return {"boxes": places, "scores": scores}

    def features(self, image: Tensor) -> Tensor:
        """Return what is seen of images as wholes, [B, D]: the mean over places of the coarsest maps."""
        return decoder.maps(self.net, self._normalised(image))[-1].mean(dim=(2, 3))

    def _normalised(self, image: Tensor) -> Tensor:
        return (image.float() / 255 - self.mean) / self.std


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Model:
    """Return the model for a net, the facts of its inputs and of its target."""
    return Model(net, facts, target)


def objective(
    model: nn.Module, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> boxes.Learning:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the boxes of its rows."""
    return boxes.Learning(model, boxes.loss(target, encoded, smoothing=label_smoothing, **loss))
