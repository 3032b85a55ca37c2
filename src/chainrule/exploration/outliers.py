"""Training rows that are least like all others, with the method that says so."""

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, of
from chainrule.system import plugins

if TYPE_CHECKING:
    import pandas as pd

SHOWN, LEAST = 8, 20
"""Rows that are shown, and rows below which nothing is unlike the others."""
FAR = 10.0
"""Interquartile ranges beyond the upper quartile from which on a row is named."""


class Outlying(NamedTuple):
    """How far each of the rows that were looked at is from the others: float [N], more is further."""

    rows: "pd.DataFrame"
    scores: np.ndarray
    method: str
    why: Callable[[int], str] | None = None
    """Says in words what is unlike the others in a row, or nothing."""


def part(looked: Looked) -> Part:
    """Return the rows of the highest scores, field by field."""
    if len(looked.splits["train"]) < LEAST:
        raise NotShownError(f"under {LEAST} training rows none can be called unlike the others")
    kind = plugins.load("exploration.inputs", looked.block["modality"])
    several = len(looked.columns.inputs) > 1
    bodies, numbers, look_at = [], {}, []
    for column in looked.columns.inputs:
        found: Outlying = kind.outlying(looked, column.name)
        order = np.argsort(-found.scores, kind="stable")[:SHOWN].tolist()
        middle, high = np.quantile(found.scores, (0.5, 0.75))
        beyond = int((found.scores > high + FAR * 2 * (high - middle)).sum()) if high > middle else 0
        rows = drawing.pairs([_row(looked, found, column.name, at, float(middle)) for at in order], kind.NARROW)
        title = f"<h3>{escape(column.name)}</h3>" if several else ""
        many = of(len(found.rows), len(looked.splits["train"]), "training rows")
        bodies.append(f'{title}<p class="note">{escape(found.method)} {escape(many)}.</p>{rows}')
        numbers[column.name] = [found.rows["id"].iloc[at] for at in order]
        if beyond:
            where = f" in {column.name}" if several else ""
            look_at.append(f"training rows that are far from all others{where}: {beyond:,}")
    return Part("Unlike all others", "".join(bodies), {"rows": numbers, "look_at": look_at})


def _row(looked: Looked, found: Outlying, name: str, at: int, middle: float) -> str:
    show = plugins.load("exploration.inputs", looked.block["modality"])
    row = found.rows.iloc[at]
    target = plugins.load("exploration.targets", looked.block["target"]).said(row[looked.columns.target.name])
    why = f"{escape(said)}<br>" if found.why and (said := found.why(at)) else ""
    score = f"score {found.scores[at]:.3g}, half of the rows under {middle:.3g}; {escape(row['id'])}"
    said = f'<b dir="auto">{escape(target)}</b><br>{why}<small>{score}</small>'
    return drawing.pair(show.shown(row[name], target), said)
