"""A mask: images and pixels of each class by split, and what masks leave out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.exploration import classes
from chainrule.exploration.looked import Looked
from chainrule.fields import mask

FEW = 0.005
"""Share of the marked training pixels below which a class is named."""


def balance(looked: Looked) -> Part:
    """Return the images that show each class, and its share of the pixels, by split; of test rows nothing."""
    target = looked.columns.target.name
    values = {name: [value for value in rows[target] if isinstance(value, str)] for name, rows in looked.splits.items()}
    sets = {name: mask.classes(own) for name, own in values.items()}
    found = classes.counted(sets, None)
    if not found:
        raise NotShownError("no row of training or validation has a mask")
    shares = {name: _shares(own) for name, own in values.items()}
    counts = {name: len(own) for name, own in values.items()}
    heads = (Word("class"), *(f"pixels of {name}" for name in shares))
    lines = [
        (Word(name), *(f"{own.get(name, 0.0):.2%}" for own in shares.values()))
        for name in sorted(found, key=lambda name: -shares["train"].get(name, 0.0))
    ]
    ignored = {name: own.get("", 0.0) for name, own in shares.items()}
    notes = [f"Of no class: {', '.join(f'{share:.2%} of {name}' for name, share in ignored.items())}."]
    body = (
        f"{page.table(Table('', heads, lines, notes))}{classes.table(found, 'class', counts)}"
        '<p class="note">An image counts for each class that it shows. Test rows are not looked at.</p>'
    )
    look_at = classes.doubts(found, "class")
    if rare := [name for name in found if 0 < shares["train"].get(name, 0.0) < FEW]:
        look_at.append(
            f"{classes.listed(rare)}: under {FEW:.1%} of the training pixels each; finetune.loss.class_weights: "
            "balanced makes classes weigh the same"
        )
    numbers = {"classes": found, "pixels": {name: _rounded(own) for name, own in shares.items()}, "look_at": look_at}
    return Part("Classes", body, numbers)


def _shares(values: Sequence[str]) -> dict[str, float]:
    """Return the share of the marked pixels that each class has; under "" the share of all that is not marked."""
    counts: dict[str, int] = {}
    unmarked = every = 0
    for value in values:
        own = mask.about(value)
        for name, count in zip(own.classes, own.pixels, strict=True):
            counts[name] = counts.get(name, 0) + count
        pixels = mask.read(value).size
        every, unmarked = every + pixels, unmarked + pixels - sum(own.pixels)
    marked = max(1, every - unmarked)
    return {name: count / marked for name, count in counts.items()} | {"": unmarked / max(1, every)}


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name or "none": round(share, 6) for name, share in shares.items()}


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by class, the commonest first, the places of the rows that show it."""
    return classes.buckets([mask.present(value) if isinstance(value, str) else () for value in values])


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: of each mask the class with the most pixels, None of rows without one."""
    found: list[Any] = []
    for value in values:
        own = mask.about(value) if isinstance(value, str) else None
        found.append(None if own is None else own.classes[int(np.argmax(own.pixels))])
    return found


def said(value: Any) -> str:
    """Return a mask as it is shown."""
    return mask.short(value) if isinstance(value, str) else "no mask"
