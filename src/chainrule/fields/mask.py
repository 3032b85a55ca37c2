"""A target that is a mask: of every pixel of an image, which class it is of.

Rows hold a PNG in base64: 8 bit, one channel, each level the place of a class or IGNORED. Its text chunks name the
classes, their colours and how many pixels each has, so that a row's mask says by itself what it means.
"""

import base64
import binascii
import io
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from chainrule.fields import alterations
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming, doubts, tidy, too_many
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

DTYPE = "str"
ONE = "a mask"
STRATUM = "class"
"""What one of `strata` is called in messages."""
IGNORED = 255
"""The level of pixels that are of no class: nothing is learnt of them, and they are in no score."""
MOST = 255
"""Classes that a mask can have."""
MIN_ROWS = 2
"""Rows that every class needs."""
# Levels of red, green and blue that tell neighbours in this order apart: the colour map of Pascal VOC's masks.
_BITS = ((0, 3, 6), (1, 4, 7), (2, 5, 8))


class About(NamedTuple):
    """What a mask says of itself: its classes by place, their colours as "#rrggbb", and the pixels of each."""

    classes: tuple[str, ...]
    colours: tuple[str, ...]
    pixels: tuple[int, ...]


def written(pixels: np.ndarray, classes: Sequence[str], colours: Sequence[str] | None = None) -> str:
    """Return places uint8 [H, W] of classes as rows hold them: the same mask gives the same text."""
    counts = np.bincount(pixels.ravel(), minlength=256)[: len(classes)].tolist()
    said = PngInfo()
    for name, told in (("classes", classes), ("colours", colours or palette(len(classes))), ("pixels", counts)):
        said.add_itxt(name, json.dumps(list(told), ensure_ascii=False))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=said)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def about(value: str) -> About:
    """Return what a row's mask says of itself, without a look at its pixels."""
    with Image.open(io.BytesIO(base64.b64decode(value)), formats=("PNG",)) as image:
        return _about(image)


def _about(image: Image.Image) -> About:
    classes, colours, pixels = (json.loads(image.info[name]) for name in About._fields)
    return About(tuple(classes), tuple(colours), tuple(pixels))


def read(value: str) -> np.ndarray:
    """Return the places uint8 [H, W] of a row's mask."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(value)), formats=("PNG",)))


def present(value: str) -> tuple[str, ...]:
    """Return the classes of which a row's mask has pixels, in their order."""
    own = about(value)
    return tuple(name for name, count in zip(own.classes, own.pixels, strict=True) if count)


def palette(number: int) -> list[str]:
    """Return so many colours, "#rrggbb", each far from the ones before it; the first is black."""
    found = []
    for place in range(number):
        levels = [sum((place >> bit & 1) << 7 - turn for turn, bit in enumerate(bits)) for bits in _BITS]
        found.append("#{:02x}{:02x}{:02x}".format(*levels))
    return found


def absent(value: Any) -> bool:
    """Whether there is no mask."""
    return value is None or value != value or not str(value).strip()


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return nothing: a source writes masks in one way."""
    return {}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: the source says the names of the classes of all masks at once."""
    return {}


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the mask as rows hold it, and what had to be repaired.

    Raises Reject: unreadable_mask, pixels_of_no_class, nothing_marked (every pixel is of no class).
    """
    try:
        with Image.open(io.BytesIO(base64.b64decode(raw, validate=True)), formats=("PNG",)) as image:
            own, pixels = _about(image), np.asarray(image)
    except (OSError, ValueError, KeyError, SyntaxError, binascii.Error, TypeError) as error:
        raise Reject("unreadable_mask", "no PNG of places with the names of their classes") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise Reject("unreadable_mask", "not of one channel of 8 bit")
    counts = np.bincount(pixels.ravel(), minlength=256)
    if counts[len(own.classes) : IGNORED].any():
        level = len(own.classes) + int(counts[len(own.classes) :].argmax())
        raise Reject("pixels_of_no_class", f"level {level}, and there are {len(own.classes)} classes")
    if not counts[:IGNORED].any():
        raise Reject("nothing_marked", "every pixel is of no class")
    return written(pixels, [tidy(name) for name in own.classes], own.colours), []


def over(value: str, raw: bytes, options: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the mask laid over its image as cleaning leaves that, and what had to be repaired.

    raw: the image's file, which can be read; options: clean.normalise. A side that `size` asks for is reached as the
    image's is, with the nearest pixel's class in place of a mean; what padding adds is of no class. Raises Reject:
    mask_of_another_size.
    """
    with Image.open(io.BytesIO(raw)) as image:
        size = ImageOps.exif_transpose(image).size if image.getexif().get(0x0112, 1) in range(2, 9) else image.size
    own, pixels = about(value), read(value)
    high, wide = pixels.shape
    if (wide, high) != size:
        raise Reject("mask_of_another_size", f"{wide} by {high} over an image of {size[0]} by {size[1]}")
    side = options.get("size")
    if side is None or size == (side, side):
        return value, []
    mask, nearest = Image.fromarray(pixels), Image.Resampling.NEAREST
    fit = options.get("fit", "cut")
    if fit == "cut":
        mask = ImageOps.fit(mask, (side, side), method=nearest)
    elif fit == "pad":
        mask = ImageOps.pad(mask, (side, side), method=nearest, color=IGNORED)
    else:
        mask = mask.resize((side, side), nearest)
    return written(np.asarray(mask), own.classes, own.colours), []


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the mask with its classes as the recipe calls them; pixels of those it drops are of no class.

    Two of one name become one class. Raises Reject: dropped_label where nothing is left.
    """
    own = about(value)
    names = [rename(name) for name in own.classes]
    kept = list(dict.fromkeys(name for name in names if name is not None))
    if kept == list(own.classes):
        return value, []
    to = np.full(256, IGNORED, np.uint8)
    for place, name in enumerate(names):
        if name is not None:
            to[place] = kept.index(name)
    pixels = to[read(value)]
    if (pixels == IGNORED).all():
        raise Reject("dropped_label", "every pixel is of a class that clean.labels drops")
    colours = dict(zip(names[::-1], own.colours[::-1], strict=True))
    return written(pixels, kept, [colours[name] for name in kept]), ["renamed_label"]


def short(value: str) -> str:
    """Return a mask in words, as messages name one."""
    return f"a mask of {', '.join(present(value))}"


def contradictory(values: Collection[str]) -> bool:
    """Whether the same image cannot have all of these masks: a pixel is of one class."""
    return len(set(values)) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: every class that has pixels."""
    return [present(value) for value in values]


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: of each mask the class that is in the fewest masks."""
    sets = classes(values)
    often = Counter(name for each in sets for name in each)
    return [min(each, key=lambda name: (often[name], name)) for each in sets]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these masks, or ""."""
    found = {name for each in classes(values) for name in each}
    if len(found) >= 2:
        return ""
    return f"{f'all of {next(iter(found))}' if found else 'none'}, and a segmentation needs two classes"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly masks, or ""."""
    found = {name for value in values for name in about(value).classes}
    return too_many(found, len(values)) if len(found) > MOST else ""


def warnings(values: Collection[str]) -> list[str]:
    """Return which names are likely a mistake, in words."""
    return doubts({name for value in values for name in about(value).classes})


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    return [("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": MIN_ROWS})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return what encoding needs: {"classes": names that have pixels, in the masks' order, "colours": one of each}."""
    met: dict[str, str] = {}
    have: set[str] = set()
    for value in values:
        own = about(value)
        for name, colour, count in zip(*own, strict=True):
            met.setdefault(name, colour)
            have |= {name} if count else set()
    found = {name: colour for name, colour in met.items() if name in have}
    return {"classes": list(found), "colours": list(found.values())}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return the places of the facts' classes, uint8 [N, H, W], IGNORED where a pixel is of none.

    Raises DataError for pixels of a class that the facts lack, and for masks that differ in size.
    """
    places = {name: place for place, name in enumerate(facts["classes"])}
    found: list[np.ndarray] = []
    for value in values:
        own = about(value)
        to = np.full(256, IGNORED, np.uint8)
        for place, (name, count) in enumerate(zip(own.classes, own.pixels, strict=True)):
            if count and name not in places:
                raise DataError(f"class {name!r} is none of {', '.join(places)}: train again on rows that have it")
            to[place] = places.get(name, IGNORED)
        pixels = to[read(value)]
        if found and pixels.shape != found[0].shape:
            (high, wide), (first_high, first_wide) = pixels.shape, found[0].shape
            raise DataError(
                f"mask {len(found)} is {wide}x{high} and mask 0 is {first_wide}x{first_high}: set `size` under "
                "clean.normalise so that all are of one size"
            )
        found.append(pixels)
    return np.stack(found) if found else np.zeros((0, 0, 0), np.uint8)


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the masks of places uint8 [N, H, W] as rows hold them."""
    return [written(np.asarray(pixels, np.uint8), facts["classes"], facts.get("colours")) for pixels in encoded]


def said(outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the likeliest classes, uint8 [N, H, W], and their probabilities, float16 of that shape.

    outputs: `logits` [N, C, H, W], or what `kept` makes of them. A pixel whose logits are no numbers has the
    probability NaN.
    """
    if "logits" not in outputs:
        mask = np.asarray(outputs["mask"])
        return mask.astype(np.uint8), np.asarray(outputs.get("sure", np.ones(mask.shape, np.float16)))
    masks, sure = [], []
    for logits in outputs["logits"]:  # one by one: as float64 all would fill the memory
        highest = logits.max(axis=0)
        masks.append(logits.argmax(axis=0).astype(np.uint8))
        sure.append((1 / np.exp(logits - highest).sum(axis=0)).astype(np.float16))
    return np.stack(masks), np.stack(sure)


def kept(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what is kept of the outputs of many rows: `mask` and `sure`, as `said` has them."""
    mask, sure = said(outputs)
    return {"mask": mask, "sure": sure}


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the masks that a model answers with, and how sure they are: {"confidence": the mean over pixels [N]}."""
    mask, sure = said(outputs)
    return decode(mask, facts), {"confidence": sure.astype(np.float64).mean(axis=(1, 2))}


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of masks: the share of the marked pixels that each class has."""
    shares = np.zeros((len(values), len(facts["classes"])))
    for row, value in enumerate(values):
        own = about(value)
        counts = dict(zip(own.classes, own.pixels, strict=True))
        shares[row] = [counts.get(name, 0) / max(1, sum(own.pixels)) for name in facts["classes"]]
    numbers = {f"share of {name}": shares[:, place] for place, name in enumerate(facts["classes"])}
    return None, Measured(numbers, {"": shares}, None)


def altered_alike(value: str, rng: np.random.Generator, **options: Any) -> str:
    """Return a copy of a mask that is altered as the image below it by the same draws: only where its pixels go.

    What comes into view is of no class. options: those of `image.augmented_copy`.
    """
    own = about(value)
    nearest = Image.Resampling.NEAREST
    mask = alterations.turned(Image.fromarray(read(value)), rng, options, resample=nearest, fill=IGNORED)
    mask = alterations.placed(mask, rng, options, resample=nearest)
    return written(np.asarray(mask), own.classes, own.colours)
