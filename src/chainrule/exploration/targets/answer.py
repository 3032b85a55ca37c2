"""Answers to questions: how long they are, where they stand in their passage, and how many questions have none."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked
from chainrule.fields import answer
from chainrule.fields.text import words

MOST_TOLD = 0.5
"""Where more answers than this begin in the first tenth of their passage, a model may learn the place alone."""


def balance(looked: Looked) -> Part:
    """Return lengths and places of answers in each split, and how many questions have none; test rows are left out."""
    target = looked.columns.target.name
    passage = looked.columns.inputs[-1].name
    splits = {name: rows[rows[target].notna()] for name, rows in looked.splits.items()}
    sets = {name: [answer.read(value) for value in rows[target]] for name, rows in splits.items() if len(rows)}
    if not any(own for each in sets.values() for own in each):
        raise NotShownError("no row of training or validation has an answer")
    lengths = {name: _numbers([len(words(own[0].text)) for own in each if own]) for name, each in sets.items()}
    places = {
        name: _numbers(
            [own[0].start / max(1, len(text)) for own, text in zip(each, splits[name][passage], strict=True) if own]
        )
        for name, each in sets.items()
    }
    rows = []
    for name, each in sets.items():
        none, several = sum(not own for own in each), sum(len(own) > 1 for own in each)
        middle, most = np.quantile(lengths[name], (0.5, 1)) if len(lengths[name]) else (0, 0)
        passages = splits[name][passage].nunique()
        counted = (f"{len(each):,}", f"{passages:,}", f"{none:,}", f"{several:,}", f"{middle:g}", f"{most:g}")
        rows.append((name, *counted))
    heads = ("split", "questions", "passages", "without an answer", "several right ones", "median words", "most words")
    pictures = drawing.histogram("words of an answer", lengths), drawing.histogram("place in the passage", places)
    body = f'<div class="cells">{"".join(pictures)}</div>{page.table(Table("", heads, rows))}'
    numbers = {"splits": {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows}}
    return Part("Answers", body, {**numbers, "look_at": _doubts(places.get("train", np.empty(0)))})


def _numbers(values: Sequence[float]) -> np.ndarray:
    return np.array(values, np.float64)


def _doubts(places: np.ndarray) -> list[str]:
    early = float((places < 0.1).mean()) if len(places) else 0.0
    if early <= MOST_TOLD:
        return []
    return [f"{early:.0%} of the training answers begin in the first tenth of their passage: a place is easily learnt"]


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by kind of question, with an answer and without, the places of the rows that are of it."""
    places: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        if isinstance(value, str):
            places.setdefault(answer.strata([value])[0], []).append(at)
    return sorted(places.items(), key=lambda entry: -len(entry[1]))


def said(value: Any) -> str:
    """Return the answers of a row as they are shown."""
    if not isinstance(value, str):
        return "no target"
    return " / ".join(dict.fromkeys(each.text for each in answer.read(value))) or "no answer"
