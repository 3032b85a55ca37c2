"""A sheet of rows, some of each class, as they are after cleaning."""

from html import escape

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration.looked import Looked
from chainrule.exploration.looked import rows as counted
from chainrule.system import plugins

CLASSES, IMAGES, WORDS = 12, 8, 3
"""Classes that are shown, and rows of each: of images, of anything that is read."""


def part(looked: Looked) -> Part:
    """Return training rows of each class; of many classes the commonest and the rarest."""
    train = looked.splits["train"]
    target, inputs = looked.columns.target.name, looked.columns.inputs
    if train.empty:
        raise NotShownError("there are no training rows")
    buckets = plugins.load("exploration.targets", looked.block["target"]).buckets(train[target].tolist())
    show = plugins.load("exploration.inputs", looked.block["modality"])
    shown = buckets if len(buckets) <= CLASSES else [*buckets[: CLASSES // 2], *buckets[-CLASSES // 2 :]]
    each = IMAGES if looked.block["modality"] in ("audio", "image") else WORDS
    sheets = []
    for name, places in shown:
        chosen = [places[turn * len(places) // min(each, len(places))] for turn in range(min(each, len(places)))]
        values = [[show.shown(train[column.name].iloc[place], name) for column in inputs] for place in chosen]
        rows = "".join(own[0] if len(own) == 1 else f'<div class="pair">{"".join(own)}</div>' for own in values)
        several = f"<div>{rows}</div>" if len(inputs) > 1 else f'<div class="strip">{rows}</div>'
        sheets.append(f'<h3 dir="auto">{escape(name)} <small>{counted(len(places))}</small></h3>{several}')
    note = ""
    if len(shown) < len(buckets):
        note = f'<p class="note">The {CLASSES // 2} commonest and the {CLASSES // 2} rarest of {len(buckets):,}.</p>'
    return Part("Samples", f"{''.join(sheets)}{note}", {"shown": len(shown), "of": len(buckets)})
