"""A class for every pixel, the face for training: any net that shows the maps it goes through, and the way back up."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from chainrule.nets.shared import decoder
from chainrule.system.errors import ParamsError
from chainrule.training.bodies.image import padding
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import mask
from chainrule.training.targets.mask import calibrate

if TYPE_CHECKING:
    import onnx

__all__ = [
    "build",
    "calibrate",
    "dynamic_shapes",
    "example",
    "finish",
    "objective",
    "padding",
    "parity_shapes",
    "tiles",
]
AXES = {0: "batch", 2: "height", 3: "width"}
SIDE, OVERLAP = 512, 4
"""Pixels of a side of a tile at least, and which part of it lies over the next: a server cuts larger images up."""
LEAST = 32
"""Pixels of a side of the smallest image at which an export is compared."""


class Model(nn.Module):
    """A net that maps normalised images to maps of several sizes, and a decoder that joins them as its head."""

    inputs = ("image",)
    kept = staticmethod(mask.kept)
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take mean and std per channel, of pixels in 0..1, from the facts of the inputs. ParamsError without maps."""
        super().__init__()
        pyramid = decoder.pyramid(net)
        if not pyramid:
            raise ParamsError("net: segmentation needs a net that shows its maps: dsdnet, dilated, cnn, resnet9, timm")
        prepare: Callable[[], None] | None = getattr(net, "on_multiples", None)
        if prepare is not None:
            prepare()
        self.net = net
        self.head = decoder.Decoder(pyramid, mask.width(target), bool(getattr(net, "separable", False)))
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(facts[name]).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return logits [B, C, H, W] of images uint8 [B, channels, H, W]."""
        images = decoder.filled(self._normalised(image), getattr(self.net, "multiple", 1))
        scores = self.head(decoder.maps(self.net, images), images)
        return mask.answer(scores[:, :, : image.shape[2], : image.shape[3]], {})

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
) -> Supervised:
    """Return what the model is fine-tuned for: the loss of the recipe, for the facts and the masks of its rows."""
    return Supervised(model, mask.loss(target, encoded, smoothing=label_smoothing, **loss))


def example(
    facts: dict[str, Any], batch: int, generator: torch.Generator, height: int | None = None, width: int | None = None
) -> dict[str, Tensor]:
    """Return random inputs of a model: image uint8 [batch, C, H, W], of the rows' size if none is said."""
    shape = (batch, facts["channels"], height or facts["height"], width or facts["width"])
    return {"image": torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model: other sides among them, odd ones too."""
    high, wide = (max(LEAST, facts[side] // 2) for side in ("height", "width"))
    return [
        {"batch": 1},
        {"batch": 3, "height": high, "width": wide},
        {"batch": 2, "height": high + 7, "width": wide + 13},
    ]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {"image": dict(AXES)}


def tiles(facts: dict[str, Any]) -> dict[str, int]:
    """Return side and overlap in pixels of the tiles in which images are run that are larger than those of the rows."""
    side = max(SIDE, facts["height"], facts["width"])
    return {"side": side, "overlap": side // OVERLAP}


def finish(graph: "onnx.ModelProto") -> None:
    """Add the output `mask` uint8 [B, H, W], the place of the likeliest class, which is a hundredth of the logits."""
    from onnx import TensorProto, helper

    (logits,) = graph.graph.output
    axes = logits.type.tensor_type.shape.dim
    for place, name in AXES.items():  # as large as the image: the exporter may have a formula for it
        axes[place].dim_param = name
    shape = [axes[place].dim_param or axes[place].dim_value for place in (0, 2, 3)]
    graph.graph.node.extend(
        [
            helper.make_node("ArgMax", [logits.name], ["likeliest"], axis=1, keepdims=0),
            helper.make_node("Cast", ["likeliest"], ["mask"], to=TensorProto.UINT8),
        ]
    )
    graph.graph.output.append(helper.make_tensor_value_info("mask", TensorProto.UINT8, shape))
