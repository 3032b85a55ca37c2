"""Rows of an image and a text, of which either may be missing; several rows may share an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.fields import image, text

KINDS = {"image": image, "text": text}
"""The kinds of the inputs, in the order of the fields."""


class Images:
    """Images of N rows in little memory: the different ones, uint8 [M, H, W, C], and by row which it is, -1 for none.

    With an index, rows or a slice or bool [N] of them, these rows alone; as an array, uint8 [N, H, W, C], a missing
    one black.
    """

    def __init__(self, images: np.ndarray, place: np.ndarray) -> None:
        """Take the images and int64 [N]."""
        self.images, self.place = images, place

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.place)

    def __getitem__(self, rows: Any) -> "Images":
        """Return some of the rows, of the same images."""
        return Images(self.images, self.place[rows])

    def pixels(self) -> np.ndarray:
        """Return the image of each row, uint8 [N, H, W, C]."""
        if not len(self.images):
            return np.zeros((len(self), 1, 1, 1), np.uint8)
        found: np.ndarray = self.images[np.maximum(self.place, 0)]
        found[self.place < 0] = 0
        return found


def decode(kind: str, values: Sequence[Any]) -> Any:
    """Return what a field of a kind holds: Images, or texts, of which an empty one is missing."""
    if kind == "text":
        return text.decode(values)
    number: dict[bytes, int] = {}
    place = [number.setdefault(value, len(number)) if value else -1 for value in values]
    return Images(image.decode(list(number)), np.array(place, np.int64))
