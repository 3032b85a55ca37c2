"""Spans: how many of each label by split, how many a row has and how long they are, and the commonest of each label."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import classes, drawing
from chainrule.exploration.looked import Looked
from chainrule.fields import spans

COMMONEST = 5
"""Spans of a label that are shown."""


def balance(looked: Looked) -> Part:
    """Return the spans of each label in each split; of test rows the split tells only their rarest labels, so none."""
    target, text = looked.columns.target.name, looked.columns.inputs[-1].name
    read = {name: [spans.read(value) for value in _kept(rows[target].tolist())] for name, rows in looked.splits.items()}
    found = classes.counted({name: [[label for *_, label in own] for own in each] for name, each in read.items()}, None)
    if not found:
        raise NotShownError("no row of training or validation has a span")
    many = {name: np.array([len(own) for own in each], np.float64) for name, each in read.items()}
    long = {name: np.array([end - start for own in each for start, end, _ in own], np.float64)
            for name, each in read.items()}  # fmt: skip
    pictures = drawing.histogram("spans of a row", many) + drawing.histogram("characters of a span", long)
    train = looked.splits["train"]
    often: dict[str, Counter[str]] = {}
    for value, words in zip(train[target].tolist(), train[text].tolist(), strict=True):
        for start, end, label in spans.read(value) if not spans.absent(value) else []:
            often.setdefault(label, Counter())[words[start:end]] += 1
    listed = "; ".join(
        f"{label}: {', '.join(f'{words} ({count:,})' for words, count in often[label].most_common(COMMONEST))}"
        for label in found
        if label in often
    )
    counts = {name: sum(len(own) for own in each) for name, each in read.items()}
    note = '<p class="note">Counted are spans, not rows. Test rows are not looked at.</p>'
    body = (
        f'<div class="cells">{pictures}</div>{classes.table(found, "label", counts)}{note}'
        f'<p dir="auto">The commonest: {escape(listed)}.</p>'
    )
    look_at = classes.doubts(found, "label")
    if none := sum(not own for own in read["train"]):
        look_at.append(f"{none:,} of {len(read['train']):,} training rows have no span, which is an answer, too")
    return Part("Spans", body, {"classes": found, "look_at": look_at})


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by label, the commonest first, the places of the rows that have it; rows without a span last."""
    found = [() if spans.absent(value) else spans.classes([value])[0] for value in values]
    bare = [
        at for at, (own, value) in enumerate(zip(found, values, strict=True)) if not own and not spans.absent(value)
    ]
    return [*classes.buckets(found), *([(spans.NONE, bare)] if bare else [])]


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: how many spans a row has, None of rows without a target."""
    return [None if spans.absent(value) else float(len(spans.read(value))) for value in values]


def said(value: Any) -> str:
    """Return spans as they are shown."""
    counts = Counter(label for *_, label in spans.read(value))
    return ", ".join(f"{count} {label}" for label, count in counts.items()) or spans.NONE


def _kept(values: Sequence[Any]) -> list[str]:
    return [value for value in values if not spans.absent(value)]
