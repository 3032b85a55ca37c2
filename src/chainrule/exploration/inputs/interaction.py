"""Interactions: how many users and items, how often each meets another, and the features of both as columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.exploration import drawing
from chainrule.exploration.inputs import table
from chainrule.exploration.inputs.table import NARROW, shown, shown_raw
from chainrule.exploration.looked import Looked
from chainrule.exploration.outliers import Outlying
from chainrule.fields import interaction
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

__all__ = ["NARROW", "came", "compared", "outlying", "overview", "shown", "shown_raw", "variables"]
FEW = 5
"""Training rows of a user or an item below which hardly anything can be learnt of it."""
AT = {"least": 0.0, "median": 0.5, "95%": 0.95, "most": 1.0}


def overview(looked: Looked, name: str) -> Part:
    """Return how many rows users and items have in training, how full their matrix is, and who is new in validation."""
    train = interaction.decode(looked.splits["train"][name].tolist())
    if not train:
        return Part(name, "<p>There are no training rows.</p>", {})
    others = interaction.decode(looked.splits["validation"][name].tolist()) if "validation" in looked.splits else []
    lines, pictures, look_at = [], "", []
    found: dict[str, Any] = {"rows": len(train)}
    for role in interaction.ROLES:
        names, counts = np.unique([row[role] for row in train], return_counts=True)
        new = len({row[role] for row in others} - {*names.tolist()})
        few = int((counts < FEW).sum())
        found[f"{role}s"] = {"count": len(names), "few": few, "new": new}
        ends = [f"{np.quantile(counts, share):,.0f}" for share in AT.values()]
        lines.append((Word(f"{role}s"), f"{len(names):,}", *ends, f"{few:,}", f"{new:,}"))
        pictures += drawing.histogram(f"training rows of a {role}", {"train": counts.astype(np.float64)})
        if few > 0.5 * len(names):
            look_at.append(f"{few:,} of {len(names):,} {role}s have fewer than {FEW} training rows")
    full = len(train) / (found["users"]["count"] * found["items"]["count"])
    found["density"] = round(full, 6)
    head = (Word(""), "in training", *AT, f"with fewer than {FEW} rows", "new in validation")
    note = f"{full:.2%} of all pairs of a user and an item met in training."
    body = f'{page.table(Table("", head, lines, [note]))}<div class="cells">{pictures}</div>'
    return Part(name, body, {**found, "look_at": look_at})


def came(raw: Sequence[Any], normalise: Mapping[str, Any]) -> str:
    """Return which columns the source gave that the recipe leaves out."""
    for value in raw:
        try:
            left = interaction.left_out(value, normalise)
        except (Reject, TypeError):
            continue
        return f"Columns of the source that clean.normalise does not list: {', '.join(left)}." if left else ""
    return ""


def variables(values: Sequence[str], normalise: Mapping[str, Any], most: int) -> dict[str, np.ndarray]:
    """Return by column what can be compared, as of a table: features, and users or items where there are few."""
    return table.variables(values, _as_table(normalise), most)


def compared(values: Sequence[str], normalise: Mapping[str, Any]) -> Measured:
    """Return what drift compares of rows, as of a table."""
    return table.compared(values, _as_table(normalise))


def outlying(looked: Looked, name: str) -> Outlying:
    """Raise NotShownError: users and items are names, of which the overview says how rare they are."""
    raise NotShownError("users and items are names; the overview says how many of them are rare")


def _as_table(normalise: Mapping[str, Any]) -> dict[str, Any]:
    """Return what clean.normalise says of columns as that of a table does."""
    kinds = interaction.listed(normalise)
    of_kind = {kind: [name for name, own in kinds.items() if own == kind] for kind in ("number", "category")}
    return {**of_kind, "date": [], "boolean": [], "text": [], "missing": {}}
