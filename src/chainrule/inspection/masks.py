"""Images with masks as examples, and the plan of a first recipe for them."""

import io
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from chainrule.data.formats import mask_names, masks, trees
from chainrule.data.formats.folders import IMAGES, TOP
from chainrule.data.formats.mask_names import Found
from chainrule.data.formats.masks import Levels, Meaning
from chainrule.data.formats.trees import File, Tree
from chainrule.fields.reject import Reject
from chainrule.inspection import pictures
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.system.errors import DataError
from chainrule.system.words import count

TASK = "segmentation"
FEWEST = 2
"""Pairs that make examples."""
ORIENTATION, TURNED = 0x0112, 5
"""EXIF's tag of how a photograph lies, and from which value on its sides are exchanged."""
LOOKED_AT, COMPARED, MASKS = 60, 200, 2000
"""Images, pairs and masks that are opened at most; of more masks the levels are found when they are ingested."""
ALIKE, BLOCKS = 0.75, 6
"""Neighbours by number that differ by less than this share of what any two do are of one film or volume; how many
groups of such there shall be."""
LARGEST, WINDOW, SIDE = 640, 288, 512
"""Pixels of a side up to which images of one size stay as they are; of windows in training; of images of many sizes."""


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of images and masks in folders or an archive; None where files are no such pairs.

    Raises DataError, with the key that mends it, where masks have more levels than classes can be, and for one alone.
    """
    if options.task not in (None, TASK):
        return None
    try:
        tree = trees.plant(place.path, "source", "the folder of images and masks")
    except DataError:
        return None
    files, _ = tree.below(TOP)
    shown = [mask_names.looked_at(file, None, None, "source") for file in files if IMAGES.fits(file.name.name)]
    both, lone = mask_names.pairs(shown)
    if len(both) == len(shown) / 2 == 1:
        raise DataError(
            f"{place.path}: one image with its mask ({both[0][0].file.name.name}); segmentation needs more, some for "
            "training, validation and test each"
        )
    if len(both) < FEWEST or len(both) < len(lone):
        return None
    told, named = _meaning(tree, files, both)
    parts: dict[str, int] = {}
    for image, _ in both:
        if image.part is not None:
            parts[image.part] = parts.get(image.part, 0) + 1
    parts = {} if set(parts) == {"train"} else parts
    images = pictures.alike(_contents(tree, [image.file for image, _ in both], LOOKED_AT))
    source: dict[str, Any] = {"kind": "mask_folder", **named}
    found = [f"{len(both):,} images with masks of {len(told.classes) if told else 'some'} classes"]
    if told:
        found.append(f"classes: {', '.join(f'{name} {level}' for name, level in masks.facts(told).items())}")
    if lone:
        found.append(f"{len(lone):,} files without a partner, which cleaning counts")
    doubts = [*_unlike(tree, both), *_doubts(told)]
    block = None if parts else _block(tree, [image for image, _ in both])
    if block:
        found.append(f"groups: {block} images with following numbers together, for neighbours look alike")
    elif not parts:
        doubts.append("no groups: if several images show one thing or place, a split may part them (source.block)")
    return Examples(
        task=TASK,
        modality="image",
        target="mask",
        source={**source, "path": str(place.path), **({"block": block} if block else {})},
        incoming=source,
        rows=len(both),
        parts=parts,
        images=images,
        split={"test": 0} if "test" in parts else {},
        found=tuple(found),
        doubts=tuple(doubts),
    )


def _meaning(
    tree: Tree, files: Sequence[File], both: Sequence[tuple[Found, Found]]
) -> tuple[Meaning | None, dict[str, Any]]:
    """Return what levels of masks mean, and what a recipe says of it; nothing of more masks than are looked at."""
    tables = [file for file in files if masks.is_table(file.name.name) and file.problem is None]
    content = {file.name.as_posix(): text for file, text in tree.contents(tables) if isinstance(text, bytes)}
    table = masks.found_table(content)
    said = table[1] if table else None
    colours, classes = (said, None) if isinstance(said, dict) else (None, said)
    if len(both) > MASKS:
        return None, {}
    told = masks.meaning(
        _levels(tree, [mask.file for _, mask in both]), classes=classes, colours=colours, ignore=None, section="source"
    )
    by_place = {place: level for level, place in told.place_of.items()}
    if len(told.classes) < 2:
        raise DataError(f"{tree.path}: masks have nothing but {_one(told)}, and segmentation needs two classes")
    if told.by_colour:
        return told, {"colours": {name: f"#{by_place[place]:06x}" for place, name in enumerate(told.classes)}}
    return told, {"classes": {int(by_place[place]): name for place, name in enumerate(told.classes)}}


def _one(told: Meaning) -> str:
    said = ", ".join(str(level) for level in masks.facts(told).values())
    return f"{'the colour' if told.by_colour else 'level'} {said}" if said else "pixels of no class"


def _levels(tree: Tree, files: Sequence[File]) -> list[Levels]:
    found = []
    for content in _contents(tree, files, MASKS):
        try:
            own = masks.levels(content)
        except Reject:
            continue
        # What it has is all that is asked of it.
        found.append(own._replace(levels=np.unique(own.levels)))
    return found


def _contents(tree: Tree, files: Sequence[File], most: int) -> list[bytes]:
    chosen = [files[turn * len(files) // min(most, len(files))] for turn in range(min(most, len(files)))]
    readable = [file for file in chosen if file.problem is None]
    return [content for _, content in tree.contents(readable) if isinstance(content, bytes)]


def _doubts(told: Meaning | None) -> list[str]:
    if told is None:
        return []
    if all(name.isdecimal() or name.startswith("#") for name in told.classes):
        return ["classes are called by their levels or colours: name them in source and incoming"]
    if told.classes == masks.BINARY:
        return ["two levels are background and foreground: name them in source.classes and incoming.classes"]
    return []


def _unlike(tree: Tree, both: Sequence[tuple[Found, Found]]) -> list[str]:
    """Return a doubt about masks of another size than their image, among those that are looked at."""
    some = [both[turn * len(both) // min(COMPARED, len(both))] for turn in range(min(COMPARED, len(both)))]
    files = [each.file for pair in some for each in pair if each.file.problem is None]
    sizes = {file: _size(content) for file, content in tree.contents(files) if isinstance(content, bytes)}
    pairs = [(image.file, sizes.get(image.file), sizes.get(mask.file)) for image, mask in some]
    unlike = [(file, one, other) for file, one, other in pairs if one and other and one != other]
    if not unlike:
        return []
    (file, one, other), *_ = unlike
    sides = f"{file.name.name}: {one[0]} by {one[1]}, its mask {other[0]} by {other[1]}"
    of = "" if len(some) == len(both) else f" of {len(some):,} looked at"
    return [
        f"{count(len(unlike), 'mask')}{of} of another size than the image ({sides}); they will be rejected and counted"
    ]


def _size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of an image as it is seen, turned as its EXIF says; None of what cannot be opened."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            wide, high = image.size
            return (high, wide) if image.getexif().get(ORIENTATION, 1) >= TURNED else (wide, high)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _block(tree: Tree, images: Sequence[Found]) -> int | None:
    """Return how many images with following numbers belong together; None where neighbours are no more alike."""
    from PIL import Image

    numbered = [(mask_names.number(each.file), each.file) for each in images]
    if len(images) < 2 * BLOCKS or any(number is None for number, _ in numbered):
        return None
    order = [file for _, file in sorted(numbered, key=lambda pair: pair[0] or 0)][:LOOKED_AT]
    small = []
    for content in _contents(tree, order, LOOKED_AT):
        try:
            with Image.open(io.BytesIO(content)) as image:
                small.append(np.asarray(image.convert("L").resize((24, 24)), np.float32))
        except (OSError, ValueError, SyntaxError):
            return None
    beside = np.mean([np.abs(one - other).mean() for one, other in pairwise(small)])
    apart = np.mean([np.abs(one - other).mean() for one, other in combinations(small, 2)])
    return max(2, round(len(images) / BLOCKS)) if beside < ALIKE * apart else None


def blocks(found: Examples, base: Mapping[str, Any], weights: float | None, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe; base: its block, weights: how many a base of timm has, None from nothing."""
    images = found.images or Images(((SIDE, SIDE),), False)
    normalise: dict[str, Any] = {"mode": "L"} if images.grey and weights is None else {}
    largest = max(max(size) for size in images.sides)
    same = len(set(images.sides)) == 1
    if not same:
        normalise |= {"size": min(SIDE, -(-images.shorter // 32) * 32), "fit": "pad"}
        why.append(
            f"size: images of several sizes become squares of {normalise['size']} pixels; what fills up is of no class"
        )
    elif largest > LARGEST:
        why.append(f"size: as they are; of {largest} pixels a side, trainings see windows of {WINDOW} at a time")
    window = WINDOW if min(images.sides[0] if same else (normalise["size"],)) > WINDOW else 0
    trained = found.parts.get("train", found.rows)
    epochs = 80 if trained < 100 else 40 if trained < 1000 else 15
    if weights is None:
        net: dict[str, Any] = {"name": "dsdnet", "stages": 4, "dropout": 0.0}
        why.append(f"net: a U-Net of separable dilated convolutions, {epochs} epochs for {trained:,} images")
    else:
        net = {"name": "timm"}
        why.append(f"net: a U-Net over the base's maps, all weights learn, {epochs} epochs for {trained:,} images")
    why.append("loss: Dice and log loss; finetune.loss.class_weights: balanced where a rare class matters")
    distort = {"shift": 0, "flip": True, "scale": 0.2, "colour": 0.2, **({"window": window} if window else {})}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {},
        "base": dict(base),
        "net": net,
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}, "epochs": epochs, "patience": None, "distort": distort},
    }
