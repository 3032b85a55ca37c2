"""Images and what is told of the boxes over them: which files belong together, and the rows that they make."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.formats import part_lists
from chainrule.data.formats.folders import IMAGES, part_of
from chainrule.data.formats.trees import File, Tree, printable
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ROLES = {
    *("annotations", "annotation", "annots", "annot", "xml", "xmls", "labels", "label", "txt", "bboxes", "boxes"),
    *("jpegimages", "images", "image", "imgs", "img", "photos", "pictures"),
}
"""Folders that say what their files are, in lower case."""
SHARES = (1.0, 1.0)
"""The size that stands for places in shares of the image's sides."""
MOST_BYTES = 16 * 1024**2
"""Of a file about one image."""
Told = str | Reject
"""The boxes of an image, as `fields.boxes` reads them, or why they cannot be used."""


class Pair(NamedTuple):
    """An image and the file about it; None where one is missing."""

    image: File | None
    about: File | None


def is_image(file: File) -> bool:
    """Whether a file is an image by its name."""
    return IMAGES.fits(file.name.name)


def pairs(images: Sequence[File], about: Sequence[File]) -> list[Pair]:
    """Return each image with the file about it: of one name in one folder, or in folders that differ in their role.

    Raises DataError where two images, or two files about one, are called alike.
    """
    ours, theirs = _by_key(images, "images"), _by_key(about, "files about an image")
    return [Pair(ours.get(own), theirs.get(own)) for own in sorted(ours.keys() | theirs.keys())]


def key(file: File) -> str:
    """Return what an image and the file about it share: their path, but for the folders that say their role."""
    return "/".join([*(folder for folder in file.name.parts[:-1] if folder.lower() not in ROLES), file.name.stem])


def _by_key(files: Sequence[File], what: str) -> dict[str, File]:
    found: dict[str, File] = {}
    for file in files:
        own = key(file)
        if found.setdefault(own, file) is not file:
            raise DataError(f"{found[own].origin} and {file.origin}: two {what} of one name; take one of them away")
    return found


def part(name: PurePosixPath) -> tuple[str | None, str]:
    """Return the part of the split that a folder of a file is named after, and this folder; None and "" of others."""
    return next(((own, folder) for folder in name.parts[:-1] if (own := part_of(folder))), (None, ""))


def lists(files: Sequence[File]) -> dict[str, str]:
    """Return the official lists of parts that lie in ImageSets/Main, by part; none where there are several such."""
    names = {
        file.name.stem: file.name.as_posix()
        for file in files
        if file.name.parts[-3:-1] == ("ImageSets", "Main") and file.name.suffix == ".txt"
    }
    if len({PurePosixPath(name).parent for name in names.values()}) != 1:
        return {}
    learnt = "train" if "train" in names else "trainval"
    wanted = {"train": learnt, "validation": "val", "test": "test"}
    if learnt == "trainval":  # whose rows `val` names again
        del wanted["validation"]
    return {of: names[stem] for of, stem in wanted.items() if stem in names}


def frame(
    tree: Tree,
    both: Sequence[Pair],
    told: Callable[[File, bytes], Told],
    *,
    official: Mapping[str, str] | None,
    group_pattern: str | None,
    section: str,
) -> "pd.DataFrame":
    """Return raw rows of images and files about them; told: what such a file says.

    official: the lists of the parts; None or empty: folders say them. A row whose `problem` is
    image_without_annotation, annotation_without_image, what is wrong with a file, or what `told` finds has no use.
    attrs["beside"] has by an image's origin those of the files about it.
    """
    wanted = [file for pair in both for file in pair if file is not None and file.problem is None]
    content = dict(tree.contents(wanted))
    rows: list[dict[str, Any]] = []
    for image, about in both:
        file = image or about
        assert file is not None
        shown = content.pop(image, b"") if image else b""
        said = content.pop(about, b"") if about else b""
        faults = [each.problem for each in (image, about) if each is not None and each.problem]
        faults += [each for each in (shown, said) if isinstance(each, str)]
        boxes: Told | None = None
        if image is None or about is None:
            faults.append("annotation_without_image" if image is None else "image_without_annotation")
        elif not faults and isinstance(said, bytes):
            boxes = told(about, said)
        rows.append(row(file, shown if isinstance(shown, bytes) else b"", boxes, faults[0] if faults else None))
    found = framed(tree, rows, official=official, group_pattern=group_pattern, section=section)
    found.attrs["beside"] = {own.image.origin: (own.about.origin,) for own in both if own.image and own.about}
    return found


def row(file: File, image: bytes, boxes: Told | None, problem: str | None) -> dict[str, Any]:
    """Return a raw row: of what was told of the boxes of an image, or of why it cannot be used."""
    if isinstance(boxes, Reject):
        problem, boxes = f"{boxes.reason}: {boxes.detail}", None
    found = {"id": printable(file.name.as_posix()), "image": image, "boxes": boxes, "origin": file.origin}
    return {**found, "problem": problem, "name": file.name}


def framed(
    tree: Tree,
    rows: Sequence[Mapping[str, Any]],
    *,
    official: Mapping[str, str] | None,
    group_pattern: str | None,
    section: str,
    of_part: Mapping[PurePosixPath, str] | None = None,
) -> "pd.DataFrame":
    """Return rows that `row` makes as a frame, sorted by id, with their parts and groups.

    A group is what the one ( ) of `group_pattern` finds in the image's name, else the image's path without its ending.
    """
    import pandas as pd

    names = [own["name"] for own in rows]
    parts: dict[PurePosixPath, str] = dict(of_part or {})
    noted: Counter[str] = Counter()
    if official:
        parts, unknown = part_lists.by_list(tree, official, names, section)
        if unknown:
            noted["lines of lists that name no image"] = unknown
    elif of_part is None and section == "source":
        parts = {name: own for name in names if (own := part(name)[0])}
        if set(parts.values()) == {"train"}:  # a folder of all there is
            parts = {}
    columns = {
        "id": [own["id"] for own in rows],
        "group": [_group(name, group_pattern) for name in names],
        "image": [own["image"] for own in rows],
        "boxes": [own["boxes"] for own in rows],
        "part": [parts.get(name) for name in names],
        "origin": [own["origin"] for own in rows],
        "problem": [own["problem"] for own in rows],
    }
    found = pd.DataFrame(
        {name: pd.Series(own, dtype=object if name == "image" else "str") for name, own in columns.items()}
    )
    found["problem"] = found["problem"].mask(found["group"].isna() & found["problem"].isna(), "no_group")
    found["group"] = found["group"].fillna(found["id"])
    found = found.sort_values("id", ignore_index=True)
    if noted:
        found.attrs["noted"] = dict(noted)
    if parts:
        found.attrs["parts"] = dict(Counter(_said(name, own, official) for name, own in parts.items()))
    return found


def _said(name: PurePosixPath, own: str, official: Mapping[str, str] | None) -> str:
    return f"{official[own] if official else part(name)[1] or name.name} as {own}"


def _group(name: PurePosixPath, pattern: str | None) -> str | None:
    if pattern is None:
        return printable(name.with_suffix("").as_posix())
    match = re.search(pattern, name.name)
    return match.group(1) if match else None


def written(size: Sequence[float] | None, boxes: Sequence[Sequence[Any]]) -> str:
    """Return what a source tells of an image, as `fields.boxes` reads it.

    size: None if that is not said; boxes: [left, top, right, bottom, class] with what else a box may be.
    """
    return json.dumps({"size": None if size is None else list(size), "boxes": [list(box) for box in boxes]})


def unknown(label: str, classes: Sequence[str] | None) -> Reject | None:
    """Return why a class cannot be taken: a list of classes lacks it; None where it can."""
    if classes is None or label in classes:
        return None
    return Reject("unknown_class", f"{label!r:.40} is none of {', '.join(classes)[:120]}")
