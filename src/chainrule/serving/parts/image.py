"""An image file as a part of a request: in, pixels; made as cleaning makes the rows."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from chainrule.fields import image
from chainrule.fields.reject import Reject
from chainrule.serving import records
from chainrule.serving.limits import Limits
from chainrule.serving.parts.encoded import of_base64
from chainrule.system.errors import DataError, TooLargeError

WORDS = "an image"
# Cleaning reads TIFF too; a server leaves it out, its decoder is large and old.
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")


def of_json(value: object) -> bytes:
    """Return the file that JSON holds. Raises DataError, with what it must be, for anything but base64."""
    return of_base64(value, "an image file")


def columns(name: str, rules: Mapping[str, Any]) -> list[str]:
    """Return which columns of a file of rows hold the field `name`: its own, with paths of files."""
    return [name]


def of_cells(cells: Mapping[str, Any], folder: Path, limits: Limits) -> bytes:
    """Return the image file that the cell of a row names, below `folder` unless it is absolute. Raises DataError."""
    (cell,) = cells.values()
    return of_file(folder / str(cell), limits)


def of_file(path: Path, limits: Limits) -> bytes:
    """Return an image file. Raises DataError if it cannot be read, TooLargeError for more than a request may have."""
    return records.content(path, limits.body_bytes)


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


def shown(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the page knows of the field: its rules."""
    return rules


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
