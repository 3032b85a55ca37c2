"""A row in words: what names it where there is little room."""

import json
from collections.abc import Mapping
from typing import Any

from chainrule.examination.looked import Looked
from chainrule.system import plugins
from chainrule.training import rows

LONGEST = 90
"""Characters of a text or of a table's row that are shown."""


def said(looked: Looked) -> list[str]:
    """Return what the model says of each row."""
    answers = plugins.load("examination.answers", looked.card["target"])
    found: list[str] = answers.said(looked.outputs, looked.card["target_facts"])
    return found


def true(looked: Looked) -> list[str]:
    """Return what is true of each row."""
    answers = plugins.load("examination.answers", looked.card["target"])
    found: list[str] = answers.true(looked.target, looked.card["target_facts"])
    return found


def told(looked: Looked, place: int) -> str:
    """Return a row's id, what is true of it, and what the model takes it for if that is something else."""
    answers, facts = plugins.load("examination.answers", looked.card["target"]), looked.card["target_facts"]
    some = slice(place, place + 1)  # not of all rows: a map names a thousand of them one by one
    (own,) = answers.true(looked.target[some], facts)
    (other,) = answers.said({name: array[some] for name, array in looked.outputs.items()}, facts)
    return f"{looked.rows['id'].iloc[place]}: {own}" + (f", taken for {other}" if other != own else "")


def standing(looked: Looked) -> Any:
    """Return how well each row is told, float64 [N]: below 0 where it is wrong or far off, the lower the worse."""
    answers = plugins.load("examination.answers", looked.card["target"])
    return answers.standing(looked.outputs, looked.target, looked.card["target_facts"])


def excerpt(looked: Looked, row: int) -> str:
    """Return the beginning of what a row holds to be read; nothing of an image."""
    values = [looked.rows[name].iloc[row] for name in rows.named(looked.card, "input")]
    texts = [value for value in values if isinstance(value, str)]
    if looked.card["modality"] in ("interaction", "table"):
        texts = [_cells(json.loads(text)) for text in texts]
    whole = " · ".join(" ".join(text.split()) for text in texts)
    return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"


def _cells(row: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {'missing' if cell is None else cell}" for name, cell in row.items())
