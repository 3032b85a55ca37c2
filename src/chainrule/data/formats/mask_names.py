"""Which files are images and which their masks, by the names of folders and files, and which belong together."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from chainrule.data.formats.folders import part_of
from chainrule.data.formats.trees import File

IMAGE_WORDS = {
    *("image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures", "input", "inputs"),
    *("original", "originals", "raw", "x", "rgb", "frames", "leftimg8bit", "leftimg"),
}
MASK_WORDS = {
    *("mask", "masks", "label", "labels", "annot", "annots", "annotation", "annotations", "gt", "groundtruth", "truth"),
    *("segmentation", "segmentations", "segmentationclass", "seg", "segs", "segmaps", "target", "targets", "y"),
    *("labelids", "labelid", "gtfine", "gtcoarse", "semantic", "labelled", "labeled", "manual"),
}
"""Words of folders and ends of file names that say what a file is, in lower case and without marks."""
BESIDE = {
    "mask",
    "masks",
    "label",
    "labels",
    "gt",
    "seg",
    "segmentation",
    "annotation",
    "annot",
    "l",
    "labelids",
    "truth",
}
"""Ends of the names of masks that lie beside their images, as in `a_mask.png`."""


class Found(NamedTuple):
    """A file, whether it is a mask, and what it shares with the other of its pair: the part, and a name."""

    file: File
    is_mask: bool
    part: str | None
    said: str
    key: str


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.lower()) if word]


def looked_at(file: File, images: str | None, masks_in: str | None, section: str) -> Found:
    """Return what a file is by the words of its folders and its name."""
    is_mask, part, said, kept = False, None, "", []
    for folder in file.name.parts[:-1]:
        word = "".join(_words(folder))
        if masks_in is not None or images is not None:
            if folder in (images, masks_in):
                is_mask |= folder == masks_in
                continue
        elif word in MASK_WORDS or word in IMAGE_WORDS:
            is_mask |= word in MASK_WORDS
            continue
        elif (left := _without(word)) is not None:  # trainannot, test_images
            is_mask |= left[1]
            word, folder = left[0], left[0]
        if section == "source" and part is None and (own := part_of(folder)) is not None:
            part, said = own, folder
            continue
        kept.append(folder)
    stem = PurePosixPath(file.name.name).stem
    if images is None and masks_in is None:
        ends = re.split(r"[\W_]+", stem)
        if len(ends) > 1 and ends[-1].lower() in BESIDE:
            is_mask, stem = True, re.sub(r"[\W_]+[^\W_]+$", "", stem)
        elif len(ends) > 1 and ends[-1].lower() in IMAGE_WORDS and len(ends[-1]) > 1:
            stem = re.sub(r"[\W_]+[^\W_]+$", "", stem)
    return Found(file, is_mask, part, said, "/".join([part or "", *kept, stem]))


def _without(word: str) -> tuple[str, bool] | None:
    """Return the part of the split that a word begins with before one for images or masks, and whether it is masks."""
    for words, is_mask in ((MASK_WORDS, True), (IMAGE_WORDS, False)):
        for end in sorted(words, key=len, reverse=True):
            if len(end) > 1 and word.endswith(end) and part_of(word.removesuffix(end)):
                return word.removesuffix(end), is_mask
    return None


def pairs(found: Sequence[Found]) -> tuple[list[tuple[Found, Found]], list[tuple[Found, str]]]:
    """Return each image with its mask, and the files that are no pair with why."""
    own: dict[str, list[Found]] = {}
    for each in found:
        if each.is_mask:
            own.setdefault(each.key, []).append(each)
    both: list[tuple[Found, Found]] = []
    lone: list[tuple[Found, str]] = []
    met: set[str] = set()
    for image in sorted((each for each in found if not each.is_mask), key=lambda each: each.file.name.as_posix()):
        theirs = own.get(image.key, [])
        if not theirs:
            lone.append((image, "image_without_mask"))
        elif len(theirs) > 1 or image.key in met:
            names = ", ".join(sorted(each.file.name.as_posix() for each in theirs))
            lone.append((image, f"two_masks: {names}" if len(theirs) > 1 else f"two_images: of the mask {names}"))
        else:
            both.append((image, theirs[0]))
        met.add(image.key)
    lone += [(each, "mask_without_image") for key, masks_of in own.items() if key not in met for each in masks_of]
    return both, lone


def number(file: File) -> int | None:
    """Return the number at the end of a file's name, None where there is none."""
    match = re.search(r"(\d+)$", PurePosixPath(file.name.name).stem)
    return int(match[1]) if match else None
