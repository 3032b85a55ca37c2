"""The distortions of a training batch in their order, each as strong as params.yaml says under `distort`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chainrule.system.errors import ParamsError
from chainrule.training.distortions import colour, frames, geometry, randaugment
from chainrule.training.distortions.pieces import pieces


@dataclass(frozen=True)
class Distortions:
    """How strong each is; as they are here nothing happens."""

    window: int = 0
    """Side in pixels of a square that is cut out and stands for the whole."""
    shift: int = 0
    """Largest displacement in pixels, both ways; black comes into view."""
    flip: bool = False
    """Whether half the images are mirrored left to right."""
    vertical_flip: bool = False
    """Whether half the images are mirrored top to bottom."""
    crop: float = 1.0
    """Smallest share of the area that is cut out and fills the image."""
    degrees: float = 0.0
    """Largest turn either way; black comes into view."""
    scale: float = 0.0
    """Largest change of size as a share; black comes into view of what shrinks."""
    randaugment: int = 0
    """Operations of RandAugment on each image."""
    magnitude: int | None = 9
    """Their strength, 0 to 30; None: drawn for each."""
    colour: float = 0.0
    """By how much brightness, contrast and saturation differ from 1 at most."""
    grey: float = 0.0
    """Share of the images that lose their colours."""
    blur: float = 0.0
    """Share of the images that are blurred."""
    noise: float = 0.0
    """Largest standard deviation of what is added to levels, as a share of 255."""
    erase: int = 0
    """Side in pixels of a square that is greyed out."""

    def check(self, height: int, width: int) -> None:
        """Raise ParamsError where nothing of an image of that size would be left."""
        side = min(height, width)
        for name, pixels in (("shift", self.shift), ("erase", self.erase)):
            if pixels >= side:
                raise ParamsError(f"distort.{name}: found {pixels}; less than {side} leaves something of these images")

    def refuse_beside(self, what: str) -> None:
        """Raise ParamsError for what moves pixels and knows nothing of what lies over them: masks or boxes."""
        if self.randaugment:
            raise ParamsError(f"distort.randaugment: it moves images and not the {what} over them; set it to 0")

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return uint8 [B, C, H, W], distorted; the same generator gives the same."""
        return self.apply_to_both(images, None, generator)[0]

    def apply_to_both(
        self, images: Tensor, masks: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Return images uint8 [B, C, H, W], distorted, and masks [B, 1, H, W] whose pixels went with theirs.

        In place of masks there may be boxes float [B, M, 7], as `frames` has them.
        """
        both = (images, masks)
        if self.window:
            both = _placed(geometry.windows, both, generator, side=self.window)
        if self.shift or self.flip:
            both = _moved(geometry.moved, both, generator, shift=self.shift, flip=self.flip)
        if self.vertical_flip:
            both = _placed(geometry.toppled, both, generator)
        placed = self.crop < 1 or self.degrees or self.scale
        if placed or self.randaugment or self.colour or self.grey or self.blur or self.noise:
            both = self._in_pieces(both, generator)
        images, masks = both
        if self.erase:
            images = geometry.erased(images, generator, side=self.erase)
        return images.contiguous(memory_format=torch.channels_last), masks

    def _in_pieces(self, both: "Both", generator: torch.Generator) -> "Both":
        parts = pieces(both[0])
        over = [None] * len(parts) if both[1] is None else torch.split(both[1], len(parts[0]))
        found = [self._altered((images, masks), generator) for images, masks in zip(parts, over, strict=True)]
        masks = None if both[1] is None else torch.cat([masks for _, masks in found if masks is not None])
        return torch.cat([images for images, _ in found]), masks

    def _altered(self, both: "Both", generator: torch.Generator) -> "Both":
        if self.crop < 1:
            both = _moved(geometry.cropped, both, generator, crop=self.crop)
        if self.degrees:
            both = _moved(geometry.spun, both, generator, degrees=self.degrees)
        if self.scale:
            both = _moved(geometry.resized, both, generator, scale=self.scale)
        images, masks = both
        if self.randaugment:
            images = randaugment.augmented(images, generator, operations=self.randaugment, magnitude=self.magnitude)
        if self.colour or self.grey:
            images = colour.coloured(images, generator, strength=self.colour, grey=self.grey)
        if self.blur:
            images = colour.blurred(images, generator, share=self.blur)
        if self.noise:
            images = colour.noisy(images, generator, largest=self.noise)
        return images, masks


Both = tuple[Tensor, Tensor | None]
"""Images, and the masks or the boxes over them where there are any."""


def _placed(
    move: Callable[..., Tensor],
    both: Both,
    generator: torch.Generator,
    over: Mapping[str, Any] | None = None,
    **options: Any,
) -> Both:
    """Return images and masks, or boxes, moved by the same draws; over: what is told of masks besides."""
    images, masks = both
    if masks is None:
        return move(images, generator, **options), None
    twin = torch.Generator()
    twin.set_state(generator.get_state())
    if masks.is_floating_point():
        return move(images, generator, **options), frames.OF[move](masks, images.shape, twin, **options)
    return move(images, generator, **options), move(masks, twin, **options, **(over or {}))


def _moved(move: Callable[..., Tensor], both: Both, generator: torch.Generator, **options: Any) -> Both:
    """Return what `_placed` does for moves that make new pixels."""
    return _placed(move, both, generator, {"places": True}, **options)
