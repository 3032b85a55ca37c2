"""The table of the scores of each class, where a row has one or several of them, and what is to be known of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation.shown import Cell, Table, Word

COLUMNS = {"precision": "precision", "recall": "recall", "f1": "F1"}
NAMED = 10
"""The most classes that a warning names."""


def table(title: str, word: str, per_class: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """Return the table of classes; word: what one is called; columns: scores by key, and their heads."""
    numbered = class_labels.numbered(list(per_class))
    rows: list[list[Cell]] = []
    for number, (name, entry) in enumerate(per_class.items(), 1):
        scores: list[Cell] = [entry[key] for key in columns] if entry["support"] else []
        last = f"{entry['support']:,}" if entry["support"] else "no test rows"
        rows.append([*([f"#{number}"] if numbered else []), Word(name), *scores, last])
    notes = []
    if numbered:
        notes.append("The numbers stand for the classes where a figure has no room, or no letters, for the names.")
    if absent := untested(per_class):
        notes.append(f"Without a test row, and so in no score: {', '.join(absent)}.")
    if rare := [name for name, entry in per_class.items() if entry["absent_resamples"] and entry["support"]]:
        notes.append(f"Too few rows to be in every resample, so with intervals over fewer: {', '.join(rare)}.")
    heads = [*([""] if numbered else []), Word(word), *columns.values(), "rows"]
    return Table(title, heads, rows, notes, tall=len(per_class) > class_labels.MANY)


def untested(per_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the classes that no test row has."""
    return [name for name, entry in per_class.items() if not entry["support"]]


def warnings(word: str, per_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what a reader of the scores must know: that classes were not tested; word: what one is called."""
    absent: Sequence[str] = untested(per_class)
    more = f" and {len(absent) - NAMED:,} more" if len(absent) > NAMED else ""
    said = f"no test row is of {word} {', '.join(absent[:NAMED])}{more}: the scores say nothing of it"
    return [said] if absent else []
