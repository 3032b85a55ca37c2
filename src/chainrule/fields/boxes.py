"""A target that is boxes over an image: where each thing is, and of which class.

Rows hold JSON, {"size": [width, height], "boxes": [[left, top, right, bottom, class], ...]}, in pixels of the image; a
sixth entry "difficult" or "crowd" marks a box that a model need not find. Without boxes it says that there is nothing.
In training places are shares of the image's sides, so that a model's answer is of any size of it.
"""

import io
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from chainrule.fields import suppression
from chainrule.fields.alterations import carried, moves
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming, doubts, tidy, too_many
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

DTYPE = "str"
ONE = "a list of boxes"
STRATUM = "class"
"""What one of `strata` is called in messages."""
MIN_ROWS = 2
"""Rows that every class needs."""
NONE = "(none)"
"""The stratum of images without a box."""
MARKS = ("", "difficult", "crowd")
"""What a box may be: to be found; not to be counted; many things in one that are not to be counted."""
MOST_BOXES = 2_000
"""Of an image."""
VISIBLE = 0.3
"""Share of a box that must be left where a part of its image is cut out."""
_DIGITS = 3


class Box(NamedTuple):
    """A box in pixels of its image, its class and what it is marked as."""

    left: float
    top: float
    right: float
    bottom: float
    label: str
    mark: str = ""


class Boxes(NamedTuple):
    """The boxes over an image, and its width and height; None of a source that does not say them."""

    size: tuple[float, float] | None
    boxes: tuple[Box, ...]


def _box(place: Sequence[Any], label: str, mark: str = "") -> Box:
    left, top, right, bottom = map(float, place)
    return Box(left, top, right, bottom, label, mark)


SHARES = (1.0, 1.0)
"""The size of an image whose source tells places as shares of its sides."""


def written(own: Boxes) -> str:
    """Return boxes as rows hold them: the same boxes give the same text."""
    lines = sorted([*(_rounded(side) for side in box[:4]), box.label, *([box.mark] if box.mark else [])]
                   for box in own.boxes)  # fmt: skip
    size = None if own.size is None else [_rounded(side) for side in own.size]
    return json.dumps({"size": size, "boxes": lines}, ensure_ascii=False)


def _rounded(number: float) -> float:
    return round(float(number), 6 if abs(number) <= 1 else _DIGITS)


def read(value: str) -> Boxes:
    """Return the boxes that a row's value holds."""
    found = json.loads(value)
    return Boxes(None if found["size"] is None else tuple(found["size"]), tuple(Box(*box) for box in found["boxes"]))


def absent(value: Any) -> bool:
    """Whether there is no list; an empty one is an answer: nothing is there."""
    return value is None or value != value or not str(value).strip()


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return each list that was met with its classes as they are to be written; one that cannot be read stays."""
    return {raw: _renamed(raw, tidy) for raw in met}


def _renamed(raw: str, rename: Callable[[str], str]) -> str:
    try:
        own = _readable(raw)
    except Reject:
        return raw
    found = Boxes(own.size, tuple(box._replace(label=rename(box.label)) for box in own.boxes))
    return raw if found == own else written(found)


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: a class of boxes is hardly a number."""
    return {}


def _readable(raw: str) -> Boxes:
    """Return the boxes of a text as a source gives it; Reject for others."""
    try:
        found = json.loads(raw)
        size, boxes = found["size"], found["boxes"]
        own = Boxes(
            None if size is None else (float(size[0]), float(size[1])),
            tuple(_box(box[:4], *box[4:]) for box in boxes),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Reject("unreadable_boxes", f"{raw[:60]!r} is no list of [left, top, right, bottom, class]") from error
    for box in own.boxes:
        if not all(map(math.isfinite, box[:4])) or not isinstance(box.label, str) or not box.label.strip():
            raise Reject("unreadable_boxes", f"{list(box)!r:.80} is no box with a class")
        if box.mark not in MARKS:
            raise Reject("unreadable_boxes", f"a box is {box.mark!r:.40}, and may be difficult or crowd")
    if own.size is not None and not all(math.isfinite(side) and side > 0 for side in own.size):
        raise Reject("unreadable_boxes", f"of an image of {own.size[0]:g} by {own.size[1]:g}")
    return own


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the boxes as rows hold them, and what had to be repaired.

    A box without an area is left out, and so is one that is told twice. Raises Reject: unreadable_boxes, inverted_box
    (its right is left of its left, or its bottom above its top), too_many_boxes.
    """
    own = _readable(raw)
    if len(own.boxes) > MOST_BOXES:
        raise Reject("too_many_boxes", f"{len(own.boxes):,}, at most {MOST_BOXES:,}")
    repairs = []
    for box in own.boxes:
        if box.right < box.left or box.bottom < box.top:
            raise Reject("inverted_box", _said(box))
    boxes = [box for box in own.boxes if box.right > box.left and box.bottom > box.top]
    if len(boxes) < len(own.boxes):
        repairs.append("box_without_area")
    distinct = list(dict.fromkeys(boxes))
    if len(distinct) < len(boxes):
        repairs.append("repeated_box")
    return written(Boxes(own.size, tuple(distinct))), repairs


def _said(box: Box) -> str:
    return f"{box.label} from {box.left:g}, {box.top:g} to {box.right:g}, {box.bottom:g}"


def over(value: str, raw: bytes, options: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the boxes as they lie over their image once cleaning has made it its size, and what had to be repaired.

    raw: the image's file, which can be read; options: clean.normalise. Boxes are cut to the image; of what cleaning
    cuts away those are left out of which less than VISIBLE is left. Raises Reject: boxes_of_another_size,
    box_outside_image.
    """
    size = sides(raw)
    own = read(value)
    if own.size not in (None, SHARES) and own.size != size:
        told = f"{own.size[0]:g} by {own.size[1]:g}"
        raise Reject("boxes_of_another_size", f"of an image of {told}, which is {size[0]} by {size[1]}")
    factors = size if own.size == SHARES else (1, 1)
    places = _places(own) * [*factors, *factors]
    repairs = []
    outside = (places[:, 2:] <= 0).any(axis=1) | (places[:, :2] >= size).any(axis=1)
    if outside.any():
        wrong = own.boxes[int(outside.argmax())]
        raise Reject("box_outside_image", f"{_said(wrong)} of {size[0]} by {size[1]}")
    inside = _clipped(places, size)
    if (np.abs(inside - places) > 1).any():
        repairs.append("box_cut_to_image")
    side = options.get("size")
    if side is None or size == (side, side):
        return _placed(own, inside, size), repairs
    across, down, right, low = fitted(size, (side, side), options.get("fit", "cut"))
    moved = inside * [across, down, across, down] + [right, low, right, low]
    found, left = _visible(own, moved, (side, side))
    return found, [*repairs, *(["box_cut_away"] if left < len(own.boxes) else [])]


def sides(raw: bytes) -> tuple[int, int]:
    """Return width and height of an image's file, turned as its EXIF says."""
    with Image.open(io.BytesIO(raw)) as image:
        return ImageOps.exif_transpose(image).size if image.getexif().get(0x0112, 1) in range(2, 9) else image.size


def fitted(size: tuple[float, float], into: tuple[int, int], fit: str) -> tuple[float, float, float, float]:
    """Return factors across and down, and what is added to the right and below, that bring places into another frame.

    size: of an image that `fields.image` makes one of size `into` by cutting, padding or stretching it.
    """
    factors = into[0] / size[0], into[1] / size[1]
    if fit == "stretch":
        return *factors, 0.0, 0.0
    if fit == "cut":
        factor = max(factors)
        return factor, factor, (into[0] - size[0] * factor) / 2, (into[1] - size[1] * factor) / 2
    scaled = [max(1, round(side * min(factors))) for side in size]
    added = [round((whole - part) / 2) for whole, part in zip(into, scaled, strict=True)]
    return scaled[0] / size[0], scaled[1] / size[1], float(added[0]), float(added[1])


def _places(own: Boxes) -> np.ndarray:
    return np.array([box[:4] for box in own.boxes], np.float64).reshape(-1, 4)


def _clipped(places: np.ndarray, size: Sequence[float]) -> np.ndarray:
    return np.asarray(np.clip(places, 0, [*size, *size]))


def _placed(own: Boxes, places: np.ndarray, size: tuple[float, float], stay: Sequence[bool] | None = None) -> str:
    boxes = [_box(place, box.label, box.mark) for box, place in zip(own.boxes, places.tolist(), strict=True)]
    there = [True] * len(boxes) if stay is None else stay
    return written(Boxes(size, tuple(box for box, kept in zip(boxes, there, strict=True) if kept)))


def _visible(own: Boxes, places: np.ndarray, size: tuple[float, float]) -> tuple[str, int]:
    """Return boxes cut to an image, without those of which too little is left, and how many there are."""
    inside = _clipped(places, size)
    whole, left = suppression.areas(places), suppression.areas(inside)
    stay = left > VISIBLE * whole
    return _placed(own, inside, size, stay.tolist()), int(stay.sum())


def altered_alike(value: str, rng: np.random.Generator, **options: Any) -> str:
    """Return the boxes of a copy of an image that is altered by the same draws; options: of `image.augmented_copy`."""
    own = read(value)
    assert own.size is not None  # cleaning knows it
    size = (int(own.size[0]), int(own.size[1]))
    for place in moves(size, rng, options):
        value = _visible(own, carried(_places(own), place), size)[0]
        own = read(value)
    return value


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the boxes with their classes as the recipe calls them, without those it drops; and whether any changed."""
    own = read(value)
    named = [box._replace(label=name) for box in own.boxes if (name := rename(box.label)) is not None]
    found = written(Boxes(own.size, tuple(named)))
    return found, ["renamed_label"] if found != value else []


def short(value: str) -> str:
    """Return boxes in words, as messages name them."""
    often = Counter(box.label for box in read(value).boxes)
    return ", ".join(f"{count} {name}" for name, count in sorted(often.items())) or "nothing"


def contradictory(values: Collection[str]) -> bool:
    """Whether the same image cannot have all of these boxes: where or what they are differs."""
    return len(set(values)) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: the classes of its boxes."""
    return [tuple(sorted({box.label for box in read(value).boxes})) for value in values]


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: of each row the class that is rarest in all rows, or NONE."""
    sets = classes(values)
    often = Counter(name for each in sets for name in each)
    return [min(each, key=lambda name: (often[name], name)) if each else NONE for each in sets]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these boxes, or ""."""
    if any(not box.mark for value in values for box in read(value).boxes):
        return ""
    return "all without a box to be found, and some need one" if len(values) else "none, and some rows need boxes"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly boxes, or ""."""
    labels = [box.label for value in values for box in read(value).boxes]
    return too_many(set(labels), len(labels))


def warnings(values: Collection[str]) -> list[str]:
    """Return which classes are likely a mistake, in words."""
    return doubts({name for each in classes(list(values)) for name in each})


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    return [("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": MIN_ROWS})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return what encoding needs: {"classes": those that occur, sorted}, and "sides".

    These are how far a box's sides are from its centre, across and down in shares of the image's (geometric mean).
    """
    found = {"classes": sorted({name for each in classes(values) for name in each})}
    encoded = encode(values, found)
    boxes = encoded[encoded[..., 4] >= 0][:, :4]
    half = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-4) / 2
    sides = np.exp(np.log(half).mean(axis=0)).tolist() if len(boxes) else [0.1, 0.1]
    return {**found, "sides": [round(side, 6) for side in sides]}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return float32 [N, M, 6]: left, top, right and bottom in shares of the image's sides, class and mark of each box.

    The class is its place among the facts', -1 where a row has no more boxes; the mark is its place in MARKS. Raises
    DataError for a class that the facts lack.
    """
    number = {name: place for place, name in enumerate(facts["classes"])}
    every = [read(value) for value in values]
    found = np.zeros((len(every), max((len(own.boxes) for own in every), default=0), 6), np.float32)
    found[:, :, 4] = -1
    for row, own in enumerate(every):
        if strange := next((box.label for box in own.boxes if box.label not in number), None):
            raise DataError(f"class {strange!r} is none of {', '.join(number)}: train again on rows that have it")
        width, height = own.size or SHARES
        found[row, : len(own.boxes), :4] = _places(own) / [width, height, width, height]
        found[row, : len(own.boxes), 4:] = np.array(
            [[number[box.label], MARKS.index(box.mark)] for box in own.boxes]
        ).reshape(-1, 2)
    return found


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the boxes of float [N, M, 6] as rows hold them, in shares of the image's sides."""
    names = facts["classes"]
    return [
        written(
            Boxes(SHARES, tuple(_box(box[:4], names[int(box[4])], MARKS[int(box[5])]) for box in own if box[4] >= 0))
        )
        for own in encoded.tolist()
    ]  # fmt: skip


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the boxes that a model answers with, and how sure it is: {"confidence": of the boxes in the mean [N]}."""
    found = suppression.shown(suppression.said(outputs, facts), facts)
    names = facts["classes"]
    values = [
        written(Boxes(SHARES, tuple(
            _box(place, names[label]) for place, label in zip(own.boxes.tolist(), own.labels.tolist(), strict=True)
        )))
        for own in found
    ]  # fmt: skip
    return values, {"confidence": np.array([own.scores.mean() if len(own.scores) else 0.0 for own in found])}


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of boxes: how many an image has, how large they are, and of which classes."""
    every = [read(value) for value in values]
    many = np.array([len(own.boxes) for own in every], np.float64)
    sizes = np.zeros(len(every))
    counts = np.zeros((len(every), len(facts["classes"])))
    for row, own in enumerate(every):
        width, height = own.size or SHARES
        if own.boxes:
            sizes[row] = np.sqrt(suppression.areas(_places(own)) / (width * height)).mean()
        often = Counter(box.label for box in own.boxes)
        counts[row] = [often.get(name, 0) for name in facts["classes"]]
    numbers = {"how many": many, "side of a box as a share of the image's": sizes}
    numbers |= {f"how many {name}": counts[:, place] for place, name in enumerate(facts["classes"])}
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return None, Measured(numbers, {"": shares}, None)
