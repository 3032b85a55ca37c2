"""Histograms one below the other, as SVG: one for each block of a net."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.evaluation.gradients import vector

WIDTH, ROW, LEFT, PLOT, RIGHT, TOP = 1000.0, 46.0, 330.0, 380.0, 730.0, 30.0
BINS = 60
STYLE = (
    ".g .ink{fill:var(--ink)}.g .faint{fill:var(--faint)}.g .area{fill:var(--own);opacity:.75}"
    ".g .before{fill:none;stroke:var(--ink);stroke-width:1.2}.g .base{stroke:var(--line)}"
)


class Ridge(NamedTuple):
    """Numbers of a block: counts in BINS bins from low to high, and of `before` the same; said: words beside it."""

    name: str
    low: float
    high: float
    counts: np.ndarray
    before: np.ndarray | None
    said: str


def ridge(name: str, values: np.ndarray, before: np.ndarray | None, said: str) -> Ridge:
    """Return the histogram of finite numbers; the outermost thousandth at either end counts to the last bin."""
    every = values if before is None else np.concatenate([values, before])
    low, high = (float(each) for each in np.quantile(every, (0.001, 0.999))) if len(every) else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    counts, was = (None if each is None else _counts(each, low, high) for each in (values, before))
    assert counts is not None
    return Ridge(name, low, high, counts, was, said)


def _counts(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))[0]


def picture(ridges: Sequence[Ridge], said: str, beside: str) -> str:
    """Return the histograms, each as high as the others; said stands in for them; beside: head of the words."""
    parts = [vector.text(RIGHT + 20, 16, beside, "faint")]
    for place, each in enumerate(ridges):
        base = TOP + ROW * (place + 1) - 14
        name = each.name if len(each.name) <= 44 else f"…{each.name[-43:]}"
        parts.append(vector.text(LEFT - 16, base - 4, name, "ink", "end"))
        parts.append(_area(each.counts, base))
        if each.before is not None:
            parts.append(vector.line(_outline(each.before, base), "before"))
        parts.append(vector.line([(LEFT, base), (LEFT + PLOT, base)], "base"))
        for x, value, anchor in ((LEFT, each.low, "start"), (LEFT + PLOT, each.high, "end")):
            parts.append(vector.text(x, base + 12, vector.amount(value), "faint", anchor))
        if each.low < 0 < each.high:
            x = LEFT + PLOT * -each.low / (each.high - each.low)
            parts.append(vector.text(x, base + 12, "0", "faint", "middle"))
        parts.append(vector.text(RIGHT + 20, base - 4, each.said, "ink"))
    height = TOP + ROW * len(ridges) + 6
    return vector.picture(WIDTH, height, said, [f"<style>{STYLE}</style>", *parts])


def _outline(counts: np.ndarray, base: float) -> list[tuple[float, float]]:
    """Return the points of a histogram's steps, its highest bin as high as its row has room."""
    tall = (ROW - 18) / max(int(counts.max()), 1)
    points = []
    for place, count in enumerate(counts):
        y = base - tall * int(count)
        points += [(LEFT + PLOT * place / len(counts), y), (LEFT + PLOT * (place + 1) / len(counts), y)]
    return points


def _area(counts: np.ndarray, base: float) -> str:
    points = [(LEFT, base), *_outline(counts, base), (LEFT + PLOT, base)]
    return vector.line(points, "area")
