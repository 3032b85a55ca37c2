"""Before and after cleaning: rows that had to be repaired beside what became of them, and rows that were left out."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from chainrule.data.normalising import normal, normalisers
from chainrule.evaluation.parts import Part
from chainrule.exploration import drawing
from chainrule.exploration.before import EACH
from chainrule.exploration.duplicates import UNDECIDED
from chainrule.exploration.looked import Looked
from chainrule.exploration.looked import rows as counted
from chainrule.fields.names import renaming
from chainrule.fields.reject import Reject
from chainrule.system import plugins

KINDS = 8
"""Kinds of repair, and reasons, of which rows are shown; the commonest."""


def part(looked: Looked) -> Part:
    """Return what the source gave, repaired rows before and after by kind of repair, and rejected ones by reason."""
    show = plugins.load("exploration.inputs", looked.block["modality"])
    bodies = [
        f"<p>{escape(came)}</p>"
        for column in looked.columns.inputs
        if (came := show.came(looked.raw[column.name].tolist(), looked.cleaning.normalise))
    ]
    repairs = _commonest(looked.clean["repairs"])
    found = _repaired(looked, repairs) if repairs else {}
    for repair, count in repairs.items():
        rows = drawing.pairs([_beside(looked, own) for own in found.get(repair, [])], show.NARROW)
        bodies.append(_titled(f"Repaired: {_words(repair)}", count, rows, "none of the rows that were drawn"))
    reasons = {name: count for name, count in looked.clean["reasons"].items() if not _equal(name)}
    for reason, count in _commonest(reasons).items():
        rows = drawing.pairs([_left_out(looked, row) for row in _rejected(looked, reason)], show.NARROW)
        bodies.append(_titled(f"Left out: {_words(reason)}", count, rows, "none that may be shown"))
    if len(bodies) == 0 or not (repairs or reasons):
        bodies.append("<p>No row had to be repaired, and none was left out but for its copies.</p>")
    return Part("Before and after cleaning", "".join(bodies), {"repairs": looked.clean["repairs"], "reasons": reasons})


def _commonest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:KINDS])


def _equal(reason: str) -> bool:
    """Whether rows are left out for others that are equal: these are shown among the duplicates."""
    return "duplicate" in reason or reason in UNDECIDED


def _words(name: str) -> str:
    return name.replace("_", " ")


def _titled(title: str, count: int, rows: str, none: str) -> str:
    shown = rows or f'<p class="note">Not shown: {none}.</p>'
    return f"<h3>{escape(title)} <small>{counted(count)}</small></h3>{shown}"


def _repaired(looked: Looked, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """Return by kind of repair the ids of some training rows that had it: raw rows are normalised once more."""
    found: dict[str, list[str]] = {repair: [] for repair in wanted}
    for own, repairs in _normalised(looked):
        for repair in repairs:
            if repair in found and len(found[repair]) < EACH:
                found[repair].append(own)
        if all(len(each) >= min(EACH, wanted[repair]) for repair, each in found.items()):
            break
    return found


def _normalised(looked: Looked) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the raw training rows' ids with what had to be repaired."""
    columns, rename = looked.columns, renaming(looked.cleaning.labels.model_dump())
    own = normalisers(columns, looked.cleaning.normalise)
    rows = looked.raw[looked.raw.index.isin(looked.splits["train"]["id"])]
    inputs = zip(*(rows[column.name] for column in columns.inputs), strict=True)
    for row_id, raw, target in zip(rows.index, inputs, rows[columns.target.name], strict=True):
        try:
            yield row_id, normal(raw, target, None, None, columns, own, rename).repairs
        except Reject:
            continue


def _beside(looked: Looked, own: str) -> str:
    """Return a training row as the source gave it and as it is now."""
    show = plugins.load("exploration.inputs", looked.block["modality"])
    raw, rows = looked.raw.loc[own], looked.splits["train"]
    row = rows[rows["id"] == own].iloc[0]
    before = "".join(show.shown_raw(raw[column.name]) for column in looked.columns.inputs)
    after = "".join(show.shown(row[column.name], "after") for column in looked.columns.inputs)
    return drawing.pair(before, after)


def _rejected(looked: Looked, reason: str) -> list[Any]:
    rows = looked.rejected[(looked.rejected["reason"] == reason) & looked.rejected["id"].isin(looked.raw.index)]
    return [row for _, row in rows.head(EACH).iterrows()]


def _left_out(looked: Looked, row: Any) -> str:
    """Return a rejected row as the source gave it, and why it was left out."""
    show = plugins.load("exploration.inputs", looked.block["modality"])
    raw = looked.raw.loc[row["id"]]
    values = "".join(show.shown_raw(raw[column.name]) for column in looked.columns.inputs)
    why = f"{escape(row['detail'])}<small>{escape(row['origin'])}</small>"
    return drawing.pair(values, why)
