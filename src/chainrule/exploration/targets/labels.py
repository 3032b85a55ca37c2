"""A set of labels: rows of each label by split, how many labels a row has, and which go together."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import classes, drawing
from chainrule.exploration.looked import Looked
from chainrule.fields import labels

TOGETHER = 8
"""Pairs of labels that are shown."""


def balance(looked: Looked) -> Part:
    """Return the rows of each label in each split; of test rows the split tells only their rarest labels, so none."""
    target = looked.columns.target.name
    sets = {name: _sets(rows[target].tolist()) for name, rows in looked.splits.items()}
    found = classes.counted(sets, None)
    if not found:
        raise NotShownError("no row of training or validation has a label")
    counts = {name: len(own) for name, own in sets.items()}
    many = {name: np.array([len(own) for own in each], np.float64) for name, each in sets.items()}
    often = drawing.histogram("labels of a row", many)
    pairs = Counter(pair for own in sets["train"] for pair in combinations(own, 2))
    common = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:TOGETHER]
    together = ", ".join(f"{one} with {other} ({count:,})" for (one, other), count in common)
    said = f"<p>Often together: {escape(together)}.</p>" if together else ""
    note = '<p class="note">A row counts for each of its labels. Test rows are not looked at.</p>'
    body = f'<div class="cells">{often}</div>{said}{classes.table(found, "label", counts)}{note}'
    look_at = classes.doubts(found, "label")
    if none := sum(not own for own in sets["train"]):
        look_at.append(f"{none:,} of {counts['train']:,} training rows have no label at all, which is an answer, too")
    return Part("Labels", body, {"classes": found, "look_at": look_at})


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by label, the commonest first, the places of the rows that have it; rows of no label last."""
    found = _sets(values)
    bare = [at for at, own in enumerate(found) if not own]
    return [*classes.buckets(found), *([(labels.NONE, bare)] if bare else [])]


def _sets(values: Sequence[Any]) -> list[tuple[str, ...]]:
    return [labels.read(value) if isinstance(value, str) else () for value in values]


def said(value: Any) -> str:
    """Return a set of labels as it is shown."""
    return ", ".join(labels.read(value)) or labels.NONE if isinstance(value, str) else "no answer"
