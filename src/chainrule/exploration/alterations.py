"""Before and after augmentation: a few training rows beside the copies that `augment` makes of them."""

from collections.abc import Collection, Iterable
from html import escape
from typing import Any

from chainrule.data.augmentation import altered_copies
from chainrule.data.columns import of_inputs
from chainrule.evaluation.parts import Part
from chainrule.exploration.looked import Looked, drawn
from chainrule.system import plugins

ROWS, COPIES = 4, 4
"""Rows that are shown, and copies of each."""
_LINK = 'More: <a href="augment.html">augment.html</a>.'


def part(looked: Looked) -> Part:
    """Return rows and their copies: the very ones, for a copy follows from id, number, seed and options alone."""
    settings = looked.augment
    if not settings.copies:
        said = "No copies are made (augment.copies is 0). What finetune.distort alters anew in each batch is no copy."
        return Part("Augmentation", f"<p>{said} {_LINK}</p>", {"copies": 0})
    show = plugins.load("exploration.inputs", looked.block["modality"])
    rows = drawn(looked.splits["train"].assign(origin=""), ROWS, looked.seed)
    inputs, options = looked.columns.inputs, of_inputs(looked.columns, settings.options)
    copies = altered_copies(
        rows,
        inputs,
        looked.columns.target,
        copies=min(COPIES, settings.copies),
        seed=looked.seed,
        options=options,
        progress=_unseen,
    )
    sheet = []
    for own in rows["id"]:
        before, after = rows[rows["id"] == own], copies[copies["origin"] == own]
        values = [
            show.shown(row[column.name], says)
            for says, each in (("as it is", before), ("copy", after))
            for _, row in each.iterrows()
            for column in inputs
        ]
        sheet.append(f'<div class="strip">{"".join(values)}</div>')
    changes = ", ".join(dict.fromkeys(f"{name} {value}" for own in options for name, value in own.items())) or "nothing"
    said = f"{settings.copies:,} copies of each training row, altered by {changes}; the first of each line is the row."
    note = f"<p>{escape(said)} {_LINK}</p>"
    return Part("Augmentation", note + "".join(sheet), {"copies": settings.copies})


def _unseen(items: Collection[Any], label: str, unit: str = "rows") -> Iterable[Any]:
    """Go through the items without a word."""
    return items
