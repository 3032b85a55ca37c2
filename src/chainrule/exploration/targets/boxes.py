"""Boxes: how many of each class by split, how many an image has, how large they are, and what training rows lack."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import classes, drawing
from chainrule.exploration.looked import Looked
from chainrule.fields import boxes

SMALL = 0.02
"""Side of a box as a share of the image's under which it is named: few pixels of it are left in a small image."""


def balance(looked: Looked) -> Part:
    """Return the boxes of each class in each split; of test rows nothing."""
    target = looked.columns.target.name
    read = {name: [boxes.read(value) for value in _kept(rows[target].tolist())] for name, rows in looked.splits.items()}
    found = classes.counted({name: [[box.label for box in own.boxes] for own in each] for name, each in read.items()},
                            None)  # fmt: skip
    if not found:
        raise NotShownError("no row of training or validation has a box")
    many = {name: np.array([len(own.boxes) for own in each], np.float64) for name, each in read.items()}
    sides = {name: np.array([side for own in each for side in _sides(own)], np.float64) for name, each in read.items()}
    pictures = drawing.histogram("boxes of an image", many)
    pictures += drawing.histogram("side of a box as a share of the image's", sides)
    counts = {name: sum(len(own.boxes) for own in each) for name, each in read.items()}
    marks = Counter(box.mark for own in read["train"] for box in own.boxes if box.mark)
    note = '<p class="note">Counted are boxes, not images. Test rows are not looked at.</p>'
    body = f'<div class="cells">{pictures}</div>{classes.table(found, "class", counts)}{note}'
    look_at = classes.doubts(found, "class")
    if none := sum(not own.boxes for own in read["train"]):
        look_at.append(f"{none:,} of {len(read['train']):,} training images have no box, which is an answer, too")
    if small := int((sides["train"] < SMALL).sum()):
        look_at.append(
            f"{small:,} of {len(sides['train']):,} training boxes have sides under {SMALL:.0%} of their image's; "
            "a larger clean.normalise.size shows more of them"
        )
    if marks:
        look_at.append(f"of the training boxes {', '.join(f'{count:,} are {mark}' for mark, count in marks.items())}")
    return Part("Boxes", body, {"classes": found, "look_at": look_at})


def _sides(own: boxes.Boxes) -> list[float]:
    """Return the geometric mean of the sides of each box, as a share of the image's."""
    width, height = own.size or boxes.SHARES
    return [((box.right - box.left) * (box.bottom - box.top) / (width * height)) ** 0.5 for box in own.boxes]


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by class, the commonest first, the places of the rows that have it; rows without a box last."""
    found = [() if boxes.absent(value) else boxes.classes([value])[0] for value in values]
    bare = [
        at for at, (own, value) in enumerate(zip(found, values, strict=True)) if not own and not boxes.absent(value)
    ]
    return [*classes.buckets(found), *([(boxes.NONE, bare)] if bare else [])]


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: how many boxes a row has, None of rows without a target."""
    return [None if boxes.absent(value) else float(len(boxes.read(value).boxes)) for value in values]


def said(value: Any) -> str:
    """Return boxes as they are shown."""
    return "no boxes told" if boxes.absent(value) else boxes.short(value)


def _kept(values: Sequence[Any]) -> list[str]:
    return [value for value in values if not boxes.absent(value)]
