"""Images with boxes as examples, in the form of Pascal VOC, COCO or YOLO, and the plan of a first recipe for them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.data.formats import boxes, coco, trees, voc, yolo
from chainrule.data.formats.boxes import Told
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import File, Tree
from chainrule.fields import boxes as field
from chainrule.fields.reject import Reject
from chainrule.inspection import pictures
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.system.errors import DataError

TASK = "detection"
FEWEST = 2
"""Images with boxes that make examples."""
LOOKED_AT, ABOUT = 60, 500
"""Images, and files about an image, that are opened at most."""
MOST_BYTES = 300 * 1024**2
"""Of a JSON file that is opened."""
SIDES = (256, 384, 512)
"""Sides of squares that images become, in pixels: the first in which the usual box has SEEN."""
SEEN = 24


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of images and boxes in folders or an archive; None where there are no such.

    Raises DataError for COCO's JSON whose ids do not fit each other, and where no file tells of a box.
    """
    if options.task not in (None, TASK):
        return None
    try:
        tree = trees.plant(place.path, "source", "the folder of images and boxes")
    except DataError:
        return None
    files, _ = tree.below(TOP)
    images = [file for file in files if boxes.is_image(file)]
    if len(images) < FEWEST:
        _refuse_alone(place, images, files)
        return None
    for form in (_voc, _coco, _yolo):
        found = form(tree, files, images)
        if found is not None:
            kind, source, told, parts, said = found
            if not any(own.boxes for own in told):
                raise DataError(f"{place.path}: {said[0]}, and none tells of a box; detection needs some")
            return _examples(place, tree, images, kind, source, told, parts, said)
    return None


def _refuse_alone(place: Place, images: Sequence[File], files: Sequence[File]) -> None:
    """Raise DataError for a single image with its annotation, of which nothing can be learnt."""
    about = [file for file in files if file.name.suffix.lower() == ".xml" and file.problem is None]
    if images and any(pair.image is not None and pair.about is not None for pair in boxes.pairs(images, about)):
        raise DataError(
            f"{place.path}: one image with its boxes ({images[0].name.name}); a detector needs more, some for "
            "training, validation and test each"
        )


Found = tuple[str, dict[str, Any], list[field.Boxes], dict[str, int], list[str]]
"""The kind of a source, what a recipe says of it, boxes of some images, images by part, and what was found."""


def _voc(tree: Tree, files: Sequence[File], images: Sequence[File]) -> Found | None:
    about = [file for file in files if file.name.suffix.lower() == ".xml" and file.problem is None]
    both = _paired(images, about)
    if both is None:
        return None
    told = _told(voc.told(content, None) for content in _contents(tree, about, ABOUT))
    if not told:
        return None
    lists = boxes.lists(files)
    counts = {of: _lines(tree, name) for of, name in lists.items()} if lists else _parts(images)
    return "voc", {}, told, counts, [f"{both:,} images with an XML file about each"]


def _yolo(tree: Tree, files: Sequence[File], images: Sequence[File]) -> Found | None:
    about = [file for file in yolo.labels(files, images) if file.problem is None]
    both = _paired(images, about)
    if both is None:
        return None
    tables = [file for file in files if yolo.is_table(file.name) and file.problem is None]
    content = {file.name.as_posix(): each for file, each in tree.contents(tables) if isinstance(each, bytes)}
    named = yolo.names(content)
    classes = named[1] if named else [str(number) for number in range(1000)]
    told = _told(yolo.told(content, classes) for content in _contents(tree, about, ABOUT))
    if not any(own.boxes for own in told):
        return None
    said = [f"{both:,} images with a text file of boxes each"]
    if named:
        said.append(f"classes: named by {named[0]}")
        return "yolo", {"classes": named[1]}, told, _parts(images), said
    number = 1 + max(int(box.label) for own in told for box in own.boxes)
    return "yolo", {"classes": [str(place) for place in range(number)]}, told, _parts(images), said


def _coco(tree: Tree, files: Sequence[File], images: Sequence[File]) -> Found | None:
    asked = [file for file in files if file.name.suffix.lower() == ".json" and file.problem is None]
    told, parts, said, names = [], Counter[str](), [], dict[str, str]()
    for file, content in tree.contents(asked):
        own = coco.parsed(content) if isinstance(content, bytes) and len(content) <= MOST_BYTES else None
        if own is None:
            continue
        each = coco.images(own, file.origin, None)
        told += _told(image.told for image in each)
        lost = sum(isinstance(image.told, Reject) and image.told.reason == coco.STRANGER for image in each)
        part = coco.part(file)
        if part is not None:
            parts[part] += len(each) - lost
            names[part] = file.name.as_posix()
        said.append(f"{file.origin}: {len(each) - lost:,} images{f' of {part}' if part else ''}")
        if lost:
            said.append(f"{file.origin}: annotations of {lost:,} images that it does not list, which cleaning counts")
    if not any(own.boxes for own in told):
        return None
    if set(parts) == {"train"} or len(names) < len(said):  # all there is, or not told apart
        return "coco", {}, told, {}, said
    return "coco", {"files": names} if names else {}, told, dict(parts), said


def _paired(images: Sequence[File], about: Sequence[File]) -> int | None:
    """Return of how many images there is a file; None where that is few of them."""
    if len(about) < FEWEST:
        return None
    try:
        both = [pair for pair in boxes.pairs(images, about) if pair.image is not None and pair.about is not None]
    except DataError:
        return None
    return len(both) if len(both) >= FEWEST and 2 * len(both) >= min(len(images), len(about)) else None


def _parts(images: Sequence[File]) -> dict[str, int]:
    found = Counter(part for file in images if (part := boxes.part(file.name)[0]))
    return {} if set(found) == {"train"} else dict(found)


def _lines(tree: Tree, name: str) -> int:
    for _, content in tree.contents([file for file in tree.below(TOP)[0] if file.name.as_posix() == name]):
        return sum(bool(line.strip()) for line in content.splitlines())
    return 0


def _told(found: Iterable[Told]) -> list[field.Boxes]:
    """Return what can be read of what files tell."""
    own = []
    for told in found:
        if isinstance(told, Reject):
            continue
        try:
            own.append(field.read(field.normalise(told)[0]))
        except Reject:
            continue
    return own


def _contents(tree: Tree, files: Sequence[File], most: int) -> list[bytes]:
    chosen = [files[turn * len(files) // min(most, len(files))] for turn in range(min(most, len(files)))]
    return [content for _, content in tree.contents(chosen) if isinstance(content, bytes)]


def _examples(
    place: Place,
    tree: Tree,
    images: Sequence[File],
    kind: str,
    source: dict[str, Any],
    told: Sequence[field.Boxes],
    parts: dict[str, int],
    said: list[str],
) -> Examples:
    shown = pictures.alike(_contents(tree, [file for file in images if file.problem is None], LOOKED_AT))
    often = Counter(box.label for own in told for box in own.boxes)
    said.append(f"boxes: {', '.join(f'{count:,} {name}' for name, count in often.most_common(12))}")
    doubts = []
    if all(name.isdecimal() for name in often):
        doubts.append("classes are called by their numbers: name them in source.classes and incoming.classes, in order")
    if not parts:
        doubts.append(
            "no groups: if several images show one thing or place, a split may part them (source.group_pattern)"
        )
    return Examples(
        task=TASK,
        modality="image",
        target="boxes",
        source={"kind": kind, **source, "path": str(place.path)},
        incoming={"kind": kind, **{name: value for name, value in source.items() if name != "files"}},
        rows=len(images),
        parts=parts,
        images=shown,
        normalise={"size": _side(told)},
        split={"test": 0} if "test" in parts else {},
        found=tuple(said),
        doubts=tuple(doubts),
    )


def _side(told: Sequence[field.Boxes]) -> int:
    """Return the side of the squares that images become: so large that half of the boxes have SEEN pixels a side."""
    shares = [
        ((box.right - box.left) * (box.bottom - box.top) / (own.size[0] * own.size[1])) ** 0.5
        for own in told
        if own.size is not None
        for box in own.boxes
    ]
    usual = float(np.median(shares)) if shares else 1.0
    return next((side for side in SIDES if side * usual >= SEEN), SIDES[-1])


def blocks(found: Examples, base: Mapping[str, Any], weights: float | None, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe; base: its block, weights: how many a base of timm has, None from nothing."""
    grey = found.images is not None and found.images.grey and weights is None
    normalise = {**({"mode": "L"} if grey else {}), **found.normalise}
    why.append(f"size: images are stretched to {found.normalise['size']} pixels a side, boxes with them")
    trained = found.parts.get("train", found.rows)
    epochs = 80 if trained < 500 else 40 if trained < 3000 else 20
    if weights is None:
        net: dict[str, Any] = {"name": "dilated", "stem": 4, "expansion": 1, "dropout": 0.0}
        why.append(f"net: an anchor-free detector over a residual net, {epochs} epochs for {trained:,} images")
    else:
        net, epochs = {"name": "timm"}, max(10, epochs * 3 // 8)
        why.append(f"net: an anchor-free detector over the base's maps, {epochs} epochs for {trained:,} images")
    distort = {"shift": normalise["size"] // 20, "flip": True, "scale": 0.2, "colour": 0.2}
    return {
        "clean": {"normalise": normalise},
        "augment": {},
        "base": dict(base),
        "net": net,
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "patience": None, "distort": distort},
    }
