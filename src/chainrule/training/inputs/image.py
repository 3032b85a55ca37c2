"""Images in memory, decoded or encoded: batches by index, distortions for a whole batch at once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule.system.errors import ParamsError
from chainrule.system.files import read_json, write_json
from chainrule.training.distortions import frames
from chainrule.training.distortions.chain import Distortions
from chainrule.training.distortions.mixing import mixed

FACTS = "images.json"
NAMES = ("channels", "height", "width", "mean", "std")
"""Of the facts."""
MOST_DECODED = 2 * 1024**3
"""Bytes up to which all rows are decoded at once; beyond, each batch is, with the same content."""
MOST_PIXELS = 1 << 21
"""Of a batch that nothing is learnt from."""
DECODED_TOGETHER, COUNTED_TOGETHER = 8, 256
Decode = Callable[[Sequence[bytes]], np.ndarray]


class Encoded:
    """Images that stay encoded until a batch takes them, as decoded they would fill the memory."""

    def __init__(self, values: Sequence[bytes], decode: Decode) -> None:
        """Keep the values of rows, as they are in memory already, and what decodes some of them to [N, H, W, C]."""
        self.values, self._decode = values, decode
        self.shape = (len(values), *decode(values[:1]).shape[1:])
        self._threads = ThreadPoolExecutor(torch.get_num_threads())

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.values)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Return the images uint8 [B, H, W, C] of these rows; decoders work outside of Python's lock."""
        chosen = [self.values[row] for row in index.tolist()]
        parts = [chosen[start : start + DECODED_TOGETHER] for start in range(0, len(chosen), DECODED_TOGETHER)]
        return torch.cat([torch.from_numpy(part) for part in self._threads.map(self._decode, parts)])


class Inputs:
    """Images uint8 [N, H, W, C] and targets [N, …] (or none), as the training loop takes them."""

    cut = 0

    def __init__(
        self,
        images: Tensor | Encoded,
        target: Tensor | None,
        facts: dict[str, Any],  # noqa: ARG002 - all modalities take the same arguments
        *,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        **distort: Any,
    ) -> None:
        """Keep the images and how each training batch is distorted and mixed (`training.distortions`).

        mixup, cutmix: how evenly images and targets of a batch are mixed with one another; 0: not at all. Raises
        ParamsError where nothing of an image would be left, or where there are no targets to mix.
        """
        self.images, self.target = images, target
        self.distortions, self.mixup, self.cutmix = Distortions(**distort), mixup, cutmix
        self.distortions.check(*images.shape[1:3])
        self.masks = target is not None and target.ndim == 3 and not target.is_floating_point()
        self.boxes = target is not None and target.ndim == 3 and target.is_floating_point()
        if self.masks or self.boxes:
            what = "masks" if self.masks else "boxes"
            self.distortions.refuse_beside(what)
            if cutmix:
                raise ParamsError(f"distort.cutmix: it cuts images and not the {what} over them; set it to 0")
        if self.boxes and mixup:
            raise ParamsError("distort.mixup: it mixes images and not the boxes over them; set it to 0")
        if self.distortions.window and not self.masks:
            raise ParamsError("distort.window: it is for images with masks; set it to 0, or take crop")
        if target is None and (mixup or cutmix):
            raise ParamsError("distort: mixup and cutmix mix targets as well, and there are none here; set both to 0")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices (see `order`)."""
        return order(len(self), batch_size, generator, self.images.shape)

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return image uint8 [B, C, H, W] (channels last in memory) and target [B, …], distorted with a generator.

        Where images are mixed, partner [B, …] is the other's target, and share [B] that of the own.
        """
        images = self.images[index].permute(0, 3, 1, 2)
        target = {} if self.target is None else {"target": self.target[index]}
        if generator is not None and self.masks:
            images, masks = self.distortions.apply_to_both(images, target["target"][:, None], generator)
            target = {} if masks is None else {"target": masks[:, 0]}
        elif generator is not None and self.boxes:
            images, boxes = self.distortions.apply_to_both(images, frames.begun(target["target"]), generator)
            target = {} if boxes is None else {"target": frames.ended(boxes)}
        elif generator is not None:
            images = self.distortions.apply(images, generator)
        if generator is not None and (self.mixup or self.cutmix):
            images, partner, share = mixed(images, generator, mixup=self.mixup, cutmix=self.cutmix)
            target |= {"partner": target["target"][partner], "share": torch.full((len(index),), share)}
        return {"image": images, **target}


def order(rows: int, batch_size: int, generator: torch.Generator | None, shape: Sequence[int]) -> list[Tensor]:
    """Return the batches of one pass as row indices, shuffled by the generator; in row order without one.

    A shuffled pass leaves out a last batch that is under half full or a single row: a handful of rows would make a step
    of its own, on noisy batch statistics, and one row has none. Other rows are left out in every pass. shape: [_, H, W,
    C] of their images.
    """
    if generator is None:
        # Whatever the batches of a training are: of images of a megapixel 256 fill no memory at once.
        most = max(1, MOST_PIXELS // (shape[1] * shape[2]))
        return list(torch.split(torch.arange(rows), min(batch_size, most)))
    batches = list(torch.split(torch.randperm(rows, generator=generator), batch_size))
    fewest = min(batch_size, max(batch_size / 2, 2))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) < fewest else batches


def held(values: Sequence[bytes], decode: Decode, once: bool = False) -> Tensor | Encoded:
    """Return rows' images as uint8 [N, H, W, C], or encoded where that is more than MOST_DECODED bytes.

    once: encoded in any case, for rows that are looked at once, or not at all.
    """
    if once or len(values) * decode(values[:1]).nbytes > MOST_DECODED:
        return Encoded(values, decode)
    return torch.from_numpy(decode(values))


def of_fields(fields: list[Tensor | Encoded], target: Tensor | None, facts: dict[str, Any], **distort: Any) -> Inputs:
    """Return the rows with these images in their one input field, in the same memory."""
    (images,) = fields
    return Inputs(images, target, facts, **distort)


def fit_facts(
    fields: list[Tensor | Encoded],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what training images uint8 [N, H, W, C] tell: channels, side lengths, mean and std per channel (0..1).

    base: what the base's net takes; its mean and std win.
    """
    (images,) = fields
    mean, std = (base["mean"], base["std"]) if base else _mean_and_std(images)
    _, height, width, channels = images.shape
    return {"channels": channels, "height": height, "width": width, "mean": mean, "std": std}


def _mean_and_std(images: Tensor | Encoded) -> tuple[list[float], list[float]]:
    values = torch.arange(256, dtype=torch.float64) / 255
    counts = _levels(images)
    means = [float((count * values).sum() / count.sum()) for count in counts]
    spreads = [
        float(((count * (values - mean) ** 2).sum() / count.sum()).sqrt())
        for count, mean in zip(counts, means, strict=True)
    ]
    return [round(mean, 6) for mean in means], [round(max(spread, 1e-3), 6) for spread in spreads]


def _levels(images: Tensor | Encoded) -> Tensor:
    """Return how many pixels have each of the 256 levels, float64 [C, 256]."""
    counts = torch.zeros(images.shape[-1], 256, dtype=torch.float64)
    for rows in torch.split(torch.arange(len(images)), COUNTED_TOGETHER):
        for channel, pixels in enumerate(images[rows].unbind(dim=-1)):
            counts[channel] += torch.bincount(pixels.flatten(), minlength=256)
    return counts


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words how these rows differ from the images that a base learnt from; block: the recipe's.

    Raises ParamsError for coloured rows and a base that learnt from grey ones: there is no telling which grey.
    """
    channels, taken = facts["channels"], len(base["mean"])
    said = []
    if channels > taken:
        raise ParamsError(f"clean.normalise.mode: rows of {channels} channels, the base takes {taken}; take mode L")
    if channels < taken:
        said.append(
            f"the rows are grey, the base is shown them {taken} times over; clean.normalise.mode RGB keeps colour"
        )
    sides = (facts["height"], facts["width"])
    learnt = tuple(base.get("size") or (base.get("height"), base.get("width")))
    scaled = block["net"].get("size")
    if (scaled or sides[0], scaled or sides[1]) != learnt:
        found = f"{sides[1]}×{sides[0]}{f', which net.size scales to {scaled}×{scaled}' if scaled else ''}"
        said.append(f"the base learnt from images of {learnt[1]}×{learnt[0]}; the rows are {found}")
    return said


def net_arguments(facts: dict[str, Any]) -> dict[str, int]:
    """Return the arguments of an image net that the rows decide."""
    return {"channels": len(facts["mean"])}  # one grey channel, normalised by three, becomes three


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor, ...]:
    """Return what a net is called with for so many rows of these facts: normalised images [rows, C, H, W]."""
    return (torch.zeros(rows, len(facts["mean"]), facts["height"], facts["width"]),)


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them."""
    write_json(folder / FACTS, facts)


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    facts: dict[str, Any] = read_json(folder / FACTS)
    return facts


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return what a server does to an image before the graph, which normalises pixels itself."""
    return {
        "mode": normalise["mode"],
        "height": facts["height"],
        "width": facts["width"],
        "max_pixels": normalise["max_pixels"],
        **{name: normalise[name] for name in ("fit", "alpha", "depth", "animation") if name in normalise},
    }
