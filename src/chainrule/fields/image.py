"""Rows whose input is an image: encoded bytes in, PNG bytes of one mode out."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageOps

from chainrule.fields import alterations, thumbnails
from chainrule.fields.measured import Measured
from chainrule.fields.modes import Alpha, Depth, Mode, to_mode
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

DTYPE = "object"
EMPTY = b""
"""What stands for an image that is not there."""

Fit = Literal["cut", "pad", "stretch"]
Animation = Literal["first", "reject"]

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")  # of every ending in `formats.folders`

# What Pillow's decoders raise for bytes that are broken.
_BROKEN = (
    OSError,  # UnidentifiedImageError and truncated files
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# Pillow's own limit would act before a recipe's and above it; here `max_pixels` is checked before anything is unpacked.
Image.MAX_IMAGE_PIXELS = None

_SIDE = 8  # of the thumbnails whose pixels drift compares all together


def normalise(
    raw: bytes,
    *,
    mode: Mode,
    size: int | None,
    max_pixels: int,
    fit: Fit = "cut",
    alpha: Alpha = "white",
    depth: Depth = "scale",
    animation: Animation = "first",
) -> tuple[bytes, list[str]]:
    """Return PNG bytes of `mode` and what had to be repaired.

    EXIF orientation is applied, what can be seen through is laid over `alpha`, only the first frame of an animation
    is kept. Levels of more than 8 bit are scaled from 0 to 65,535, or stretched from the image's least to its greatest
    (`depth`). With `size` the image becomes a square of that side: cut, its shorter side scaled to it and the centre
    taken; pad, its longer side, the rest filled with the median colour of the border; or stretch. A plain PNG of the
    right mode and size is returned as it is, so the function is idempotent.

    Raises Reject: unreadable_image, too_many_pixels (width times height is more than `max_pixels`; checked
    before the pixels are unpacked), unsupported_depth, and where that is asked for transparent_image and animation.
    """
    plain = _is_plain_png(raw, mode, size)
    try:
        with warnings.catch_warnings():
            # Damaged metadata that does not touch the pixels.
            warnings.simplefilter("ignore", UserWarning)
            image: Image.Image = Image.open(io.BytesIO(raw), formats=("PNG",) if plain else FORMATS)
            width, height = image.size
            if width * height > max_pixels:
                raise Reject("too_many_pixels", f"{width} by {height} is more than {max_pixels} pixels")
            image.load()
            if plain:
                return raw, []
            repairs: list[str] = []
            if (frames := getattr(image, "n_frames", 1)) > 1:
                if animation == "reject":
                    raise Reject("animation", f"{frames} frames or pages")
                repairs.append("first_frame")
            orientation = image.getexif().get(0x0112, 1)
            turned = ImageOps.exif_transpose(image) if orientation in range(2, 9) else image
            if turned is not image:
                repairs.append("exif_orientation")
            image = to_mode(turned, mode, repairs, alpha, depth)
    except _BROKEN as error:
        raise Reject("unreadable_image", _line(error)) from error
    if size is not None and image.size != (size, size):
        image = _square(image, size, fit)
        repairs.append("resized")
    return _encode(image), repairs


def _square(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    method = Image.Resampling.LANCZOS
    if fit == "cut":
        return ImageOps.fit(image, (size, size), method=method)
    if fit == "pad":
        return ImageOps.pad(image, (size, size), method=method, color=_ground(np.asarray(image)))
    return image.resize((size, size), method)


def _ground(pixels: np.ndarray) -> int | tuple[int, ...]:
    """Return the median colour of an image's border, as Pillow has colours."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fill = tuple(int(level) for level in np.atleast_1d(np.median(border, axis=0)))
    return fill if len(fill) > 1 else fill[0]


def decode(values: Sequence[bytes]) -> np.ndarray:
    """Decode normalised PNG bytes into one uint8 array [N, H, W, C] (C is 1 or 3, range 0 to 255).

    Raises DataError when the images differ in size or mode: set the normalisation's `size`.
    """
    if not len(values):
        return np.zeros((0, 0, 0, 1), np.uint8)
    first = _pixels(values[0])
    out = np.empty((len(values), *first.shape), np.uint8)
    for index, value in enumerate(values):
        pixels = _pixels(value)
        if pixels.shape != first.shape:
            raise DataError(
                f"image {index} is {_shape(pixels)} and image 0 is {_shape(first)}: "
                "set `size` under clean.normalise so that all images are of one size"
            )
        out[index] = pixels
    return out if out.ndim == 4 else out[..., None]


def key(value: bytes) -> bytes:
    """Return 16 bytes that are the same for two images if and only if their pixels are the same."""
    pixels = _pixels(value)
    return blake2b(pixels.tobytes(), digest_size=16, salt=struct.pack("<HII", pixels.ndim, *pixels.shape[:2])).digest()


def near_duplicates(
    values: Sequence[bytes], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of images that look alike.

    Alike are their 16x16 grey thumbnails, as `thumbnails.alike` says; no such pair is missed.

    Raises DataError when more than about 20 million pairs would have to be verified.
    """
    if len(values) < 2:
        return np.zeros((0, 2), np.int64)
    shown = progress(values, "look for near duplicates", "images") if progress else values
    return thumbnails.alike(_thumbnails(shown, len(values)), threshold)


def augmented_copy(
    value: bytes,
    rng: np.random.Generator,
    *,
    degrees: float,
    shift: float,
    scale: float,
    crop: float = 1.0,
    flip: bool = False,
    vertical_flip: bool = False,
    colour: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    erase: float = 0.0,
) -> bytes:
    """Return a copy turned, moved and scaled at random, then altered as `alterations.altered` does it.

    By up to `degrees` either way, up to `shift` of each side and a factor of up to 1 ± `scale`, each drawn
    evenly. What comes into view is filled with the median colour of the border.
    """
    image = Image.open(io.BytesIO(value), formats=("PNG",))
    fill = _ground(np.asarray(image))
    moves = {"degrees": degrees, "shift": shift, "scale": scale}
    turned = alterations.turned(image, rng, moves, resample=Image.Resampling.BICUBIC, fill=fill)
    return _encode(
        alterations.altered(
            turned,
            rng,
            crop=crop,
            flip=flip,
            vertical_flip=vertical_flip,
            colour=colour,
            blur=blur,
            noise=noise,
            erase=erase,
        )
    )


def describe(values: Sequence[bytes]) -> "pd.DataFrame":
    """Return what validation looks at, one row per image: width and height (pixels), mean (0 to 255)."""
    import pandas as pd

    described = np.empty((len(values), 3))
    for index, value in enumerate(values):
        pixels = _pixels(value)
        described[index] = pixels.shape[1], pixels.shape[0], pixels.mean()
    sizes = described[:, :2].astype(np.int64)
    return pd.DataFrame({"width": sizes[:, 0], "height": sizes[:, 1], "mean": described[:, 2]})


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `describe` must show of clean images; `normalise` as in params.yaml."""
    size = normalise["size"]
    kind = "expect_column_unique_value_count_to_be_between" if size is None else "expect_column_values_to_be_between"
    sides = {"min_value": 1, "max_value": 1} if size is None else {"min_value": size, "max_value": size}
    return [
        (kind, {"column": "width", **sides}),  # no net takes images of several sizes
        (kind, {"column": "height", **sides}),
        ("expect_column_values_to_be_between", {"column": "mean", "min_value": 0, "max_value": 255}),
        # Images that all have one mean are blank, or broken in one and the same way.
        ("expect_column_stdev_to_be_between", {"column": "mean", "min_value": 0, "strict_min": True}),
    ]


def measure(
    rows: Sequence[Mapping[str, np.ndarray]],
    fields: Sequence[str],
    tokenizer: Any,
    preprocessing: Mapping[str, Any] | None = None,
) -> dict[str, Measured]:
    """Return by field what drift compares of images as a model gets them, uint8 [1, C, H, W] each.

    rows: a graph's inputs, called like the fields unless there is but one. Numbers are in grey levels from 0 to 255,
    positions in shares of the side.
    """
    return {field: _measured([row.get(field, next(iter(row.values()))) for row in rows]) for field in fields}


def _measured(images: Sequence[np.ndarray]) -> Measured:
    """Return what drift compares of images uint8 [1, C, H, W], which need not be of one size."""
    if len({each.shape for each in images}) == 1:
        return measured(np.concatenate(images))
    own = [measured(each) for each in images]
    numbers = {name: np.concatenate([each.numbers[name] for each in own]) for name in own[0].numbers}
    vectors = {name: [each.vectors[name] for each in own] for name in own[0].vectors}
    alike = {name: np.concatenate(each) for name, each in vectors.items() if len({one.shape for one in each}) == 1}
    return Measured(numbers, alike, None)


def measured(images: np.ndarray) -> Measured:
    """Return what drift compares of images, uint8 [N, C, H, W]."""
    pixels = images.astype(np.float64)
    grey = pixels.mean(axis=1)
    _, height, width = grey.shape
    mass = np.abs(grey - np.median(grey, axis=(1, 2), keepdims=True)) + 1e-9
    total = mass.sum(axis=(1, 2))
    across, down = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    numbers = {
        "brightness": grey.mean(axis=(1, 2)),
        "contrast": grey.std(axis=(1, 2)),
        "darkest twentieth": np.quantile(grey, 0.05, axis=(1, 2)),
        "brightest twentieth": np.quantile(grey, 0.95, axis=(1, 2)),
        "steps across": np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2)),
        "steps down": np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)),
        "centre across": (mass.sum(axis=1) * across).sum(axis=1) / total,
        "centre down": (mass.sum(axis=2) * down).sum(axis=1) / total,
    }
    if pixels.shape[1] == 3:
        numbers |= {name: pixels[:, place].mean(axis=(1, 2)) for place, name in enumerate(("red", "green", "blue"))}
    return Measured(numbers, {"pixels": _small(grey)}, None)


def _small(grey: np.ndarray) -> np.ndarray:
    """Average [N, H, W] down to at most _SIDE pixels a side, as [N, D]."""
    for axis in (1, 2):
        size = grey.shape[axis]
        starts = np.unique(np.arange(min(_SIDE, size)) * size // min(_SIDE, size))
        counts = np.diff(np.append(starts, size)).reshape([-1 if place == axis else 1 for place in range(3)])
        grey = np.add.reduceat(grey, starts, axis=axis) / counts
    return grey.reshape(len(grey), -1)


def _pixels(value: bytes) -> np.ndarray:
    """Return uint8 [H, W] or [H, W, 3] of normalised PNG bytes."""
    found = _unfiltered(value)
    return np.asarray(Image.open(io.BytesIO(value), formats=("PNG",))) if found is None else found


def _unfiltered(value: bytes) -> np.ndarray | None:
    """Return the pixels of normalised PNG bytes whose rows are as they are (filter 0), in a fifth of the time.

    None for any other. Sources of arrays write such files, by the ten thousand and small.
    """
    width, height, _, colour = struct.unpack_from(">IIBB", value, 16)
    (size,) = struct.unpack_from(">I", value, 33)
    channels = {0: 1, 2: 3}.get(colour)
    if channels is None or value[37:41] != b"IDAT" or 41 + size + 4 + 12 != len(value):  # several pieces
        return None
    if value[41:43] != b"\x78\x01":  # packed at level 1, as sources do; what Pillow writes has filters
        return None
    rows = np.frombuffer(zlib.decompress(memoryview(value)[41 : 41 + size]), np.uint8)
    if rows.size != height * (1 + width * channels):
        return None
    rows = rows.reshape(height, -1)
    if rows[:, 0].any():
        return None
    return rows[:, 1:] if channels == 1 else rows[:, 1:].reshape(height, width, channels)


def _is_plain_png(raw: bytes, mode: Mode, size: int | None) -> bool:
    """Whether `raw` is an 8-bit PNG of `mode` and size with no chunk beside the pixels' and no tail."""
    if len(raw) < 57 or raw[:16] != b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR":
        return False
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", raw, 16)
    if depth != 8 or colour != {"L": 0, "RGB": 2}[mode] or interlaced:
        return False
    if size is not None and (width, height) != (size, size):
        return False
    at = 33
    while raw[at + 4 : at + 8] == b"IDAT":
        at += 12 + int(struct.unpack_from(">I", raw, at)[0])
    return at > 33 and raw[at:] == b"\x00\x00\x00\x00IEND\xaeB`\x82"


def _encode(image: Image.Image) -> bytes:
    image.info = {}  # else a colour profile or a transparent colour would be written along
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=b"")
    return buffer.getvalue()


def _thumbnails(values: Iterable[bytes], count: int) -> np.ndarray:
    """Return uint8 [N, 256]: every image in grey, averaged down (or blown up) to 16x16."""
    side = (thumbnails.SIDE, thumbnails.SIDE)
    out = np.empty((count, thumbnails.SIDE**2), np.uint8)
    for index, value in enumerate(values):
        pixels = _unfiltered(value)
        opened = Image.open(io.BytesIO(value), formats=("PNG",)) if pixels is None else Image.fromarray(pixels)
        grey = opened.convert("L")
        out[index] = np.frombuffer(grey.resize(side, Image.Resampling.BOX).tobytes(), np.uint8)
    return out


def _shape(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]} {'RGB' if pixels.ndim == 3 else 'L'}"


def _line(error: BaseException) -> str:
    # "<_io.BytesIO object at 0x7f...>" names an address, which differs from run to run
    text = " ".join(str(error).split())
    return "not an image of a known format" if "BytesIO" in text or not text else text
