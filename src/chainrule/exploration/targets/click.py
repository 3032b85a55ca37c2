"""A choice to tell: how many there are in each split."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Table
from chainrule.exploration.looked import Looked


def balance(looked: Looked) -> Part:
    """Return the number of rows by split."""
    counts = {name: len(rows) for name, rows in looked.splits.items()}
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    note = "Every row says that a user chose an item; what was not chosen is in none."
    return Part("Target", page.table(Table("", ("split", "rows"), rows, [note])), {"rows": counts, "look_at": []})


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return all rows in one bucket."""
    return [("chosen", list(range(len(values))))]


def associated(values: Sequence[Any]) -> list[Any]:
    """Return nothing that columns could be compared with."""
    return [None] * len(values)


def said(value: Any) -> str:
    """Return a choice as it is shown."""
    return "chosen"
