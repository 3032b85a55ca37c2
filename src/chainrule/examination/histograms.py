"""Histograms of weights and outputs by epoch, as the gradient audit recorded them: a strip for each layer."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.gradients import page as gradients
from chainrule.evaluation.gradients import vector
from chainrule.evaluation.parts import Part
from chainrule.examination import heat
from chainrule.examination.looked import Looked

WIDTH, ROW, LEFT, PLOT, BETWEEN, TOP, TALL = 1000.0, 64.0, 170.0, 225.0, 190.0, 34.0, 44.0
CELLS = 44
"""Steps of value in a strip."""
LOUD = 0.2
"""A share of zeros that has grown by so much is named."""
STYLE = ".g .ink{fill:var(--ink)}.g .faint{fill:var(--faint)}"
QUANTITIES = ("weights", "outputs")

Histogram = Mapping[str, Any]


def part(looked: Looked) -> Part | None:
    """Return a picture and sentences by phase; None where no training was audited."""
    records = {phase: looked.gradients[phase] for phase in gradients.PHASES if phase in looked.gradients}
    records = {phase: record for phase, record in records.items() if record["histograms"]["epochs"]}
    if not records:
        return None
    sections, numbers = [], {}
    for phase, record in records.items():
        names = layer_names(record)
        sections.append(f"<p><b>{gradients.PHASES[phase]}.</b> {escape(' '.join(in_words(record)))}</p>")
        drawn = picture(gradients.PHASES[phase], names, record["histograms"])
        sections.append(f'<figure class="wide scroll architecture">{drawn}</figure>')
        numbers[phase] = {"epochs": record["histograms"]["epochs"], "layers": _ends(names, record["histograms"])}
    sections.append(
        '<p class="note">From left to right the epochs, 0 being the start; from bottom to top the values; the darker, '
        "the more numbers have one, each epoch by its own most. Outputs on a few training rows, the same ones every "
        "time, without dropout. Beside a strip: standard deviation at the start and at the end, and the share of "
        "numbers that are exactly 0.</p>"
    )
    return Part("Weights and outputs by epoch", "".join(sections), numbers)


def layer_names(record: Mapping[str, Any]) -> list[str]:
    """Return the names of the layers that the histograms are of."""
    return [record["layers"][place]["name"] for place in record["histograms"]["layers"]]


def in_words(record: Mapping[str, Any]) -> list[str]:
    """Return what was looked at, whose weights stood still, whose spread most, and where zeros have come about."""
    found, names = record["histograms"], layer_names(record)
    epochs = found["epochs"]
    said = [f"The start and {_counted(len(epochs) - 1, 'epoch')}{_of_more(epochs[-1], len(epochs) - 1)}."]
    if len(names) < len(record["layers"]):
        said.append(f"{len(names)} of {len(record['layers'])} layers, evenly picked.")
    if len(epochs) == 1:
        return said
    weights, outputs = (_by_layer(names, found[quantity]) for quantity in QUANTITIES)
    still = [name for name, line in weights if line[0] and all(each == line[0] for each in line)]
    if still:
        said.append(f"Weights that stood still: {_listed(still)}.")
    grown = {
        name: last["spread"] / first["spread"]
        for name, (first, *_, last) in weights
        if first is not None and last is not None and first["spread"]
    }
    if grown and (most := max(grown, key=grown.__getitem__)) not in still:
        said.append(f"Weights spread most in {most}: {grown[most]:.3g}-fold.")
    dead = [
        f"{name} ({first['zeros']:.0%} → {last['zeros']:.0%})"
        for name, (first, *_, last) in outputs
        if first is not None and last is not None and last["zeros"] - first["zeros"] >= LOUD
    ]
    if dead:
        said.append(f"Outputs that have become 0: {_listed(dead)}.")
    return said


def picture(title: str, names: Sequence[str], found: Mapping[str, Any]) -> str:
    """Return two strips for each layer, its weights and its outputs, epochs from left to right, as SVG."""
    epochs = found["epochs"]
    parts = []
    for place, quantity in enumerate(QUANTITIES):
        left = LEFT + place * (PLOT + BETWEEN)
        parts.append(vector.text(left, 14, quantity, "ink bold"))
        parts += [
            vector.text(left, TOP - 6, f"{epochs[0]}", "faint"),
            vector.text(left + PLOT, TOP - 6, f"epoch {epochs[-1]:,}", "faint", "end"),
        ]
        for row, (_, line) in enumerate(_by_layer(names, found[quantity])):
            parts += _strip(line, left, TOP + ROW * row, f"{names[row]}, {quantity}")
    for row, name in enumerate(names):
        shown = name if len(name) <= 24 else f"…{name[-23:]}"
        parts.append(vector.text(LEFT - 12, TOP + ROW * row + TALL / 2 + 4, shown, "ink", "end"))
    said = f"{title}: weights and outputs of {len(names)} layers as histograms over {len(epochs)} epochs"
    return vector.picture(WIDTH, TOP + ROW * len(names), said, [f"<style>{STYLE}</style>", *parts])


def _strip(line: Sequence[Histogram | None], left: float, top: float, said: str) -> list[str]:
    """Draw the histograms of a layer side by side, with the ends of their axis and what became of them."""
    known = [each for each in line if each is not None]
    if not known:
        return [vector.text(left, top + TALL / 2 + 4, "–", "faint")]
    low, high = min(each["low"] for each in known), max(each["high"] for each in known)
    pixels = heat.shares(np.stack([_column(each, low, high) for each in line], axis=1))
    at = f'x="{vector.number(left)}" y="{vector.number(top)}" width="{vector.number(PLOT)}" height="{TALL:g}"'
    beside = left + PLOT + 8
    source = f'style="image-rendering:pixelated" href="{page.data_uri(heat.png(pixels))}"'
    return [
        f'<image {at} preserveAspectRatio="none" {source}><title>{escape(said)}</title></image>',
        vector.text(beside, top + 10, vector.amount(high), "faint"),
        vector.text(beside, top + TALL, vector.amount(low), "faint"),
        vector.text(beside + 58, top + 18, _from_to(known, "spread"), "ink"),
        vector.text(beside + 58, top + 34, _zeros(known), "faint"),
    ]


def _column(each: Histogram | None, low: float, high: float) -> np.ndarray:
    """Return a histogram on another axis, from high to low, as shares of its fullest step, their roots taken."""
    if each is None:
        return np.zeros(CELLS)
    edges = np.linspace(each["low"], each["high"], len(each["counts"]) + 1)
    below = np.concatenate([[0], np.cumsum(each["counts"])])
    shares = np.diff(np.interp(np.linspace(low, high, CELLS + 1), edges, below))[::-1]
    return np.asarray(np.sqrt(shares / max(shares.max(), 1e-12)))


def _from_to(known: Sequence[Histogram], number: str) -> str:
    first, last = (vector.amount(each[number]) for each in (known[0], known[-1]))
    return first if first == last else f"{first} → {last}"


def _zeros(known: Sequence[Histogram]) -> str:
    if not any(each["zeros"] for each in known):
        return ""
    return f"0: {known[0]['zeros']:.0%} → {known[-1]['zeros']:.0%}"


def _by_layer(
    names: Sequence[str], lines: Sequence[Sequence[Histogram | None]]
) -> list[tuple[str, list[Histogram | None]]]:
    return [(name, [line[place] for line in lines]) for place, name in enumerate(names)]


def _ends(names: Sequence[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return spread and share of zeros, at the start and at the end, of each layer's weights and outputs."""
    return {
        name: {
            quantity: [
                None if each is None else {"spread": each["spread"], "zeros": each["zeros"]}
                for each in (found[quantity][0][place], found[quantity][-1][place])
            ]
            for quantity in QUANTITIES
        }
        for place, name in enumerate(names)
    }


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _of_more(epochs: int, shown: int) -> str:
    return f" of {epochs:,}, evenly picked" if epochs > shown else ""


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
