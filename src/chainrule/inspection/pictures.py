"""What images are like: how large, and whether they have colours."""

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from chainrule.inspection.examples import Images

if TYPE_CHECKING:
    from PIL import Image

GREYISH = 8
"""Levels by which the channels of a grey image differ at most, after JPEG."""


def alike(contents: Iterable[bytes]) -> Images | None:
    """Return what images are like, None where none can be opened."""
    from PIL import Image

    sides, grey = [], True
    for content in contents:
        try:
            with Image.open(BytesIO(content)) as image:
                sides.append(image.size)
                grey = grey and (image.mode in ("L", "1", "LA", "I;16", "I") or _colourless(image))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # cleaning counts it, with the reason
    return Images(tuple(sides), grey) if sides else None


def _colourless(image: "Image.Image") -> bool:
    """Whether the channels of an image are the same, but for what JPEG makes of grey."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB").resize((32, 32)), dtype=np.int16)
    return int(np.ptp(pixels, axis=-1).max()) <= GREYISH
