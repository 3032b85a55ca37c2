"""One label per image, the face for serving: an image file in, the graph's input; its output in, probabilities."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from chainrule.fields import image
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError, TooLargeError
from chainrule.tasks.answers import ranked

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Cleaning reads TIFF too; a server leaves it out, its decoder is large and old.
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")


def prepare(
    content: bytes | str,
    signature: dict[str, Any],
    tokenizer: "Tokenizer | None",
    *,
    pixels: int,
    characters: int,
) -> dict[str, np.ndarray]:
    """Return the graph's input uint8 [1, C, H, W] for an image file, made as cleaning makes the rows.

    An image of another size is scaled until it covers the model's and cut to its middle. pixels: the most that an
    image may have, beside the limit that the rows had; both are checked before pixels are unpacked. tokenizer and
    characters are other tasks'. Raises DataError for anything that is not such an image.
    """
    if isinstance(content, str):
        raise DataError("this model takes an image, not a text")
    if not content.startswith(_STARTS):
        raise DataError("this is not an image that can be read: send PNG, JPEG, WebP, GIF or BMP")
    rules = signature["preprocessing"]
    height, width = rules["height"], rules["width"]
    limit = min(pixels, rules["max_pixels"])
    size = height if height == width else None
    try:
        png, _ = image.normalise(content, mode=rules["mode"], size=size, max_pixels=limit)
    except Reject as reject:
        kind = TooLargeError if reject.reason == "too_many_pixels" else DataError
        raise kind(_sentence(reject, limit)) from reject
    if size is None:
        png = _covering(png, height, width)
    (name,) = (tensor["name"] for tensor in signature["inputs"])
    return {name: np.ascontiguousarray(image.decode([png]).transpose(0, 3, 1, 2))}


def examples() -> Iterator[bytes]:
    """Return a small image file of every kind that `prepare` takes."""
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), "grey").save(buffer, kind)
        yield buffer.getvalue()


def answer(outputs: dict[str, np.ndarray], signature: dict[str, Any]) -> list[tuple[str, float]]:
    """Return (label, probability), the likeliest first, of the graph's output for one image."""
    (name,) = (tensor["name"] for tensor in signature["outputs"])
    return ranked(outputs[name], signature["labels"])


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
    if reject.reason == "unsupported_depth":
        return f"the image cannot be used: {reject.detail}"
    return f"the image cannot be read: {reject.detail}"
