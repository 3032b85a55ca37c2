"""The distortions of a training batch in their order, each as strong as params.yaml says under `distort`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from chainrule.system.errors import ParamsError
from chainrule.training.distortions import colour, geometry, randaugment
from chainrule.training.distortions.pieces import pieces


@dataclass(frozen=True)
class Distortions:
    """How strong each is; as they are here nothing happens."""

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

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return uint8 [B, C, H, W], distorted; the same generator gives the same."""
        if self.shift or self.flip:
            images = geometry.moved(images, generator, shift=self.shift, flip=self.flip)
        if self.vertical_flip:
            images = geometry.toppled(images, generator)
        placed = self.crop < 1 or self.degrees or self.scale
        if placed or self.randaugment or self.colour or self.grey or self.blur or self.noise:
            images = torch.cat([self._altered(piece, generator) for piece in pieces(images)])
        if self.erase:
            images = geometry.erased(images, generator, side=self.erase)
        return images.contiguous(memory_format=torch.channels_last)

    def _altered(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.crop < 1:
            images = geometry.cropped(images, generator, crop=self.crop)
        if self.degrees:
            drawn = 2 * torch.rand(len(images), generator=generator) - 1
            images = geometry.turned(images, torch.deg2rad(self.degrees * drawn))
        if self.scale:
            drawn = 2 * torch.rand(len(images), generator=generator) - 1
            images = geometry.scaled(images, 1 + self.scale * drawn)
        if self.randaugment:
            images = randaugment.augmented(images, generator, operations=self.randaugment, magnitude=self.magnitude)
        if self.colour or self.grey:
            images = colour.coloured(images, generator, strength=self.colour, grey=self.grey)
        if self.blur:
            images = colour.blurred(images, generator, share=self.blur)
        if self.noise:
            images = colour.noisy(images, generator, largest=self.noise)
        return images
