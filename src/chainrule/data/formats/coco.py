"""Boxes as COCO has them: one JSON file of images, annotations and categories, or one for each part.

Lin et al. 2014, https://arxiv.org/abs/1405.0312; format: https://cocodataset.org/#format-data.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chainrule.data.formats import boxes
from chainrule.data.formats.folders import part_of
from chainrule.data.formats.trees import File
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

KEYS = ("images", "annotations", "categories")
STRANGER = "annotation_without_image"
"""Why an annotation is of no use whose image is not there."""
MOST_BYTES = 1024**3
"""Of a JSON file."""


class Image(NamedTuple):
    """What a file tells of an image: where it lies, and its boxes, or why they cannot be used."""

    file_name: str
    told: boxes.Told


def parsed(content: bytes) -> dict[str, Any] | None:
    """Return the object of a JSON file with images, annotations and categories; None of another."""
    if len(content) > MOST_BYTES or not all(f'"{key}"'.encode() in content for key in KEYS):
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), list) for key in KEYS):
        return None
    boxed = any(isinstance(each, dict) and "bbox" in each for each in found["annotations"][:100])
    return found if boxed or not found["annotations"] else None


def part(file: File) -> str | None:
    """Return the part that a JSON file is of by its name, or else by its folder."""
    words = [word.rstrip("0123456789") for word in re.split(r"[\W_]+", file.name.stem.lower())]
    return next((own for word in words if word and (own := part_of(word))), None) or boxes.part(file.name)[0]


def images(found: Mapping[str, Any], where: str, classes: Sequence[str] | None) -> list[Image]:
    """Return what a file tells of each of its images; `where` is what errors call it.

    classes: those that there may be; None: any. An annotation of an image that is not among the images is told of as
    one without a file. Raises DataError for images or categories without what they need.
    """
    names = _by_id(found["categories"], "name", where, "category")
    files = _by_id(found["images"], "file_name", where, "image")
    sizes = {each["id"]: _size(each) for each in found["images"]}
    own: dict[Any, list[Any]] = {image: [] for image in files}
    strangers: dict[str, None] = {}
    for each in found["annotations"]:
        told = each.get("image_id") if isinstance(each, dict) else each
        if isinstance(each, dict) and isinstance(told, int | str) and told in own:
            own[told].append(each)
        else:
            strangers[f"{told!r:.40}"] = None
    lost = [Image(f"image {told}", Reject(STRANGER, f"image {told}")) for told in strangers]
    return [*(Image(files[image], _told(own[image], sizes[image], names, classes)) for image in files), *lost]


def _by_id(entries: Sequence[Any], key: str, where: str, what: str) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for place, each in enumerate(entries):
        if (
            not isinstance(each, dict)
            or not isinstance(each.get(key), str)
            or not isinstance(each.get("id"), int | str)
        ):
            raise DataError(f"{where}: {what} {place} lacks an id or a {key}; mend it")
        if each["id"] in found:
            raise DataError(f"{where}: id {each['id']!r:.40} is of two {what} entries; mend it")
        found[each["id"]] = each[key]
    return found


def _size(image: Mapping[str, Any]) -> list[float] | None:
    sides: list[Any] = [image.get(name) for name in ("width", "height")]
    return [float(side) for side in sides] if all(_is_number(side) and side > 0 for side in sides) else None


def _is_number(value: Any) -> bool:
    """Whether a value of JSON is a number that a float can be; JSON's may have any number of digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _told(
    annotations: Sequence[Mapping[str, Any]],
    size: Sequence[float] | None,
    names: Mapping[Any, str],
    classes: Sequence[str] | None,
) -> boxes.Told:
    found = []
    for each in annotations:
        category, place = each.get("category_id"), each.get("bbox")
        label = names.get(category) if isinstance(category, int | str) else None
        if label is None:
            return Reject("unknown_class", f"category {category!r:.40} is none of the file's")
        if (wrong := boxes.unknown(label, classes)) is not None:
            return wrong
        if not (isinstance(place, list) and len(place) == 4 and all(map(_is_number, place))):
            return Reject("unreadable_annotation", f"bbox {place!r:.60} is not [left, top, width, height]")
        left, top, width, height = place
        corners = [left, top, left + width, top + height]
        found.append([*corners, label, *(["crowd"] if each.get("iscrowd") in (1, True) else [])])
    return boxes.written(size, found)
