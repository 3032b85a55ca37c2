"""An image file as a part of a request: in, pixels; made as cleaning makes the rows."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from chainrule.fields import image
from chainrule.fields.boxes import fitted, sides
from chainrule.fields.reject import Reject
from chainrule.serving.limits import Limits
from chainrule.serving.parts.files import columns, of_base64, of_cells, of_file, shown
from chainrule.system.errors import DataError, TooLargeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "WORDS", "Frame", "clean", "columns", "examples", "of_cells", "of_file", "of_json", "of_text", "pixels",
    "prepare", "schema", "shown",
]  # fmt: skip

WORDS = "an image"
# Cleaning reads TIFF too; a server leaves it out, its decoder is large and old.
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")


def of_json(value: object) -> bytes:
    """Return the file that JSON holds. Raises DataError, with what it must be, for anything but base64."""
    return of_base64(value, "an image file")


def of_text(value: str, limits: Limits) -> bytes:
    """Return the file that a text holds in base64. Raises DataError for anything else."""
    try:
        return of_base64(value, "an image file")
    except DataError as error:
        raise DataError(f"the image must be {error}") from None


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's input uint8 [1, C, H, W] for an image file. Raises DataError for what is none."""
    (tensor,) = signature["inputs"]
    ((name, part),) = parts.items()
    return {tensor["name"]: pixels(part, signature["preprocessing"][name], limits)}


def pixels(part: bytes | str, rules: Mapping[str, Any], limits: Limits) -> np.ndarray:
    """Return uint8 [1, C, H, W] of an image file.

    An image of another size is scaled until it covers the model's and cut to its middle; of a model that takes any size
    it stays as it is. rules: the field's
    `preprocessing` in the signature; limits: how many pixels there may be beside the limit that the rows had. Both are
    checked before pixels are unpacked. Raises DataError for anything that is not such an image.
    """
    if isinstance(part, str):
        raise DataError("this model takes an image, not a text")
    if not part.startswith(_STARTS):
        raise DataError("this is not an image that can be read: send PNG, JPEG, WebP, GIF or BMP")
    height, width = rules["height"], rules["width"]
    limit = min(limits.pixels, rules["max_pixels"])
    size = height if height == width else None
    policies = {name: rules[name] for name in ("fit", "alpha", "depth", "animation") if name in rules}
    try:
        png, _ = image.normalise(part, mode=rules["mode"], size=size, max_pixels=limit, **policies)
    except Reject as reject:
        kind = TooLargeError if reject.reason == "too_many_pixels" else DataError
        raise kind(_sentence(reject, limit)) from reject
    if size is None and height is not None:
        png = _covering(png, height, width)
    return np.ascontiguousarray(image.decode([png]).transpose(0, 3, 1, 2))


class Frame(NamedTuple):
    """How the model sees an image: its sides in pixels, and what brings shares of those the model sees back to them."""

    width: int
    height: int
    across: float
    down: float
    right: float
    low: float

    def back(self, place: Sequence[float]) -> dict[str, float]:
        """Return left, top, right and bottom in pixels of the image, cut to it, for a box in shares."""
        left, right = (self._inside((side - self.right) / self.across, self.width) for side in place[::2])
        top, bottom = (self._inside((side - self.low) / self.down, self.height) for side in place[1::2])
        return {"left": left, "top": top, "right": right, "bottom": bottom}

    @staticmethod
    def _inside(pixel: float, side: int) -> float:
        return round(min(max(pixel, 0.0), float(side)), 2)


def clean(part: bytes | str, rules: Mapping[str, Any], limits: Limits) -> Frame:
    """Return how the model sees an image file that `pixels` takes."""
    assert isinstance(part, bytes)
    width, height = sides(part)
    into = rules["width"] or width, rules["height"] or height
    fit = rules.get("fit", "cut") if into[0] == into[1] else "cut"
    across, down, right, low = fitted((width, height), into, fit)
    return Frame(width, height, across / into[0], down / into[1], right / into[0], low / into[1])


def schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a part."""
    return {"type": "string", "contentEncoding": "base64", "description": "an image file"}


def examples(rules: Mapping[str, Any]) -> Iterator[bytes]:
    """Return a small image file of every format that is taken."""
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), "grey").save(buffer, kind)
        yield buffer.getvalue()


def _covering(png: bytes, height: int, width: int) -> bytes:
    """Scale and cut a normalised PNG as cleaning does, to sides that differ; one of that size stays as it is."""
    picture = Image.open(io.BytesIO(png), formats=("PNG",))
    if picture.size == (width, height):
        return png
    buffer = io.BytesIO()
    ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()


def _sentence(reject: Reject, limit: int) -> str:
    if reject.reason == "too_many_pixels":
        return f"the image has too many pixels; this model takes at most {limit:,}"
    if reject.reason in ("unsupported_depth", "transparent_image", "animation"):
        return f"the image cannot be used: {reject.detail}"
    return f"the image cannot be read: {reject.detail}"
