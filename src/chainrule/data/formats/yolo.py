"""Labels of YOLO: a text file beside each image, a line for each box, and a file that names the classes.

Redmon & Farhadi 2018, https://arxiv.org/abs/1804.02767, as Darknet, Ultralytics and Label Studio write them: the number
of the class, then middle, width and height in shares of the image's sides, or the corners of an outline.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import yaml

from chainrule.data.formats import boxes
from chainrule.data.formats.trees import File
from chainrule.fields.reject import Reject

LISTS = ("classes.txt", "obj.names", "classes.names", "coco.names", "predefined_classes.txt", "_darknet.labels")
"""Files whose lines name the classes."""
MOST_BYTES = 4 * 1024**2
"""Of a file that names the classes."""
_HALF_PIXEL = 1e-3
"""By how much a box may be beyond its image, in shares of the side, through rounding alone."""


def is_table(name: PurePosixPath) -> bool:
    """Whether a file may name the classes."""
    return name.name.lower() in LISTS or name.suffix.lower() in (".yaml", ".yml", ".names")


def labels(files: Sequence[File], images: Sequence[File]) -> list[File]:
    """Return the text files that are of labels: in a folder that is called so, or called like an image."""
    called = {boxes.key(file) for file in images}
    texts = [file for file in files if file.name.suffix.lower() == ".txt" and file.name.name.lower() not in LISTS]
    own = [file for file in texts if {folder.lower() for folder in file.name.parts[:-1]} & {"labels", "label"}]
    return own or [file for file in texts if boxes.key(file) in called]


def names(found: Mapping[str, bytes]) -> tuple[str, list[str]] | None:
    """Return the file that names the classes, and their names in order; None where none does.

    found: the content of each file that may, by its path.
    """
    for path in sorted(found, key=lambda path: (path.count("/"), path)):
        own = _names(PurePosixPath(path), found[path])
        if own:
            return path, own
    return None


def _names(path: PurePosixPath, content: bytes) -> list[str]:
    if len(content) > MOST_BYTES:
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    if path.suffix.lower() not in (".yaml", ".yml"):
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError:
        return []
    own = told.get("names") if isinstance(told, dict) else None
    if isinstance(own, dict) and sorted(own) == list(range(len(own))):
        own = [own[place] for place in range(len(own))]
    return [str(name) for name in own] if isinstance(own, list) else []


def told(content: bytes, classes: Sequence[str]) -> boxes.Told:
    """Return the boxes of a file of labels; Reject where they cannot be used."""
    if len(content) > boxes.MOST_BYTES:
        return Reject("annotation_too_large", f"{len(content):,} bytes, at most {boxes.MOST_BYTES:,}")
    try:
        lines = content.decode("utf-8-sig").splitlines()
        found = [_box(line, classes) for line in lines if line.strip()]
    except Reject as reject:
        return reject
    except ValueError as error:
        return Reject("unreadable_annotation", " ".join(str(error).split())[:80])
    return boxes.written(boxes.SHARES, found)


def _box(line: str, classes: Sequence[str]) -> list[object]:
    number, *rest = line.split()
    called, *sides = (float(each) for each in (number, *rest))
    if not all(map(math.isfinite, (called, *sides))):
        raise ValueError(f"{line[:60]!r} has what is no number")
    place = int(called)
    if not 0 <= place < len(classes) or place != called:
        raise Reject("unknown_class", f"number {number:.10} of {len(classes)} classes")
    if len(sides) in (4, 5):  # the fifth says how sure somebody was
        across, down, width, height = sides[:4]
        corners = [across - width / 2, down - height / 2, across + width / 2, down + height / 2]
    elif len(sides) >= 6 and len(sides) % 2 == 0:
        corners = [min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])]
    else:
        raise ValueError(f"{line[:60]!r} is neither a box nor an outline")
    if max(map(abs, corners)) > 1 + 1:
        raise ValueError(f"{line[:60]!r} is not in shares of the image's sides")
    return [*(_within(side) for side in corners), classes[place]]


def _within(side: float) -> float:
    """Return a share as it is, but what is beyond 0 or 1 by rounding alone at them."""
    near = min(max(side, 0.0), 1.0)
    return near if abs(side - near) <= _HALF_PIXEL else side
