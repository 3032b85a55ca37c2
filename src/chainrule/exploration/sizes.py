"""How many rows there are, by split, and what was lost on the way."""

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Table
from chainrule.exploration.looked import Looked


def part(looked: Looked) -> Part:
    """Return the number of rows of each split."""
    counts = {name: len(rows) for name, rows in looked.splits.items()}
    body = page.table(Table("", ("split", "rows"), [(name, f"{count:,}") for name, count in counts.items()]))
    return Part("Rows", body, counts)
