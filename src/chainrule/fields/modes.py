"""Images of any of Pillow's modes as one of 8 bit, grey or in colour: depth, transparency, palettes."""

from typing import Literal

import numpy as np
from PIL import Image

from chainrule.fields.reject import Reject

Mode = Literal["L", "RGB"]
Alpha = Literal["white", "grey", "black", "reject"]
Depth = Literal["scale", "stretch", "reject"]


def to_mode(image: Image.Image, mode: Mode, repairs: list[str], alpha: Alpha, depth: Depth) -> Image.Image:
    """Return an image in `mode`, noting in `repairs` how. Raises Reject: unsupported_depth, transparent_image."""
    if image.mode.startswith("I") or image.mode == "F":
        repairs.append("sixteen_bit" if image.mode != "F" else "floating_point")
        image = _eight_bit(image, depth)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        if alpha == "reject":
            raise Reject("transparent_image", "parts of it can be seen through")
        image = Image.alpha_composite(Image.new("RGBA", over.size, alpha), over).convert("RGB")
        repairs.append("alpha")
    elif image.mode == "P":
        image = image.convert("RGB")
        repairs.append("palette")
    if image.mode == mode:
        return image
    if image.mode not in ("L", "RGB"):
        repairs.append("colour_space")
    elif mode == "RGB":
        repairs.append("grey_to_colour")
    elif "alpha" not in repairs and "palette" not in repairs:
        repairs.append("colour_to_grey")
    if image.mode == "RGB" and _has_colour(image):
        repairs.append("colour_lost")
    return image.convert(mode)


def _eight_bit(image: Image.Image, depth: Depth) -> Image.Image:
    """Return deeper grey levels as 8 bit."""
    if depth == "reject":
        raise Reject("unsupported_depth", "grey levels of more than 8 bit")
    if depth == "scale" and image.mode == "F":
        raise Reject("unsupported_depth", "floating-point grey levels have no known range")
    if depth == "stretch":
        values = np.asarray(image).astype(np.float64)
        if not np.isfinite(values).all():
            raise Reject("unsupported_depth", "grey levels that are no numbers")
        low, high = values.min(), values.max()
        return Image.fromarray(np.rint((values - low) * (255 / max(high - low, 1e-300))).astype(np.uint8))
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise Reject("unsupported_depth", "grey levels beyond 16 bit")
    return Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))


def _has_colour(image: Image.Image) -> bool:
    """Return whether an RGB image shows more than greys, as far as a grid of its pixels tells."""
    seen = np.asarray(image.resize((32, 32), Image.Resampling.NEAREST)).astype(np.int16)
    return bool((seen.max(axis=2) - seen.min(axis=2)).max() > 16)  # JPEG's greys are a little off
