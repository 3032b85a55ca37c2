"""Weights along the training, as the gradient audit recorded them, and the chain rule along depth at its end."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from chainrule.evaluation.gradients import page as gradients
from chainrule.evaluation.gradients import vector
from chainrule.evaluation.parts import Part
from chainrule.examination.looked import Looked

WIDTH, ROW, LEFT, PLOT, TOP = 1000.0, 26.0, 330.0, 400.0, 30.0
MOST_LAYERS = 40
"""Layers in a picture; of more those whose weights changed most."""
STYLE = (
    ".g .ink{fill:var(--ink)}.g .faint{fill:var(--faint)}.g .curve{fill:none;stroke:var(--own);stroke-width:1.8}"
    ".g .base{stroke:var(--line)}"
)


def part(looked: Looked) -> Part | None:
    """Return how the weights of each layer grew or shrank, by phase; None where no training was audited."""
    records = {phase: looked.gradients[phase] for phase in gradients.PHASES if phase in looked.gradients}
    records = {phase: record for phase, record in records.items() if record["updates"]}
    if not records:
        return None
    sections = []
    numbers = {}
    for phase, record in records.items():
        grown = growth(record)
        numbers[phase] = {"updates": len(record["updates"]), "growth": {name: line[-1] for name, line in grown.items()}}
        name = gradients.PHASES[phase]
        sentences = " ".join(in_words(record, grown))
        drawn = picture(name, record["updates"], grown)
        sections.append(f"<p><b>{name}.</b> {escape(sentences)}</p>")
        sections.append(f'<figure class="wide scroll architecture">{drawn}</figure>')
    if chain := gradients.pictures(list(records.values())[-1]).get("chain"):
        sections.append(f'<figure class="wide scroll architecture">{chain}</figure>')
    sections.append(
        '<p class="note">The norm of each layer\'s weights over that at the first audited update, all on one scale. '
        'Every gradient and every verdict: <a href="gradients.html">gradients.html</a>; loss and metrics by epoch: '
        '<a href="report.html">report.html</a>.</p>'
    )
    return Part("Along the training", "".join(sections), numbers)


def growth(record: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the norm of each layer's weights over its first one, by audited update; without what never had weights."""
    found = {}
    for place, layer in enumerate(record["layers"]):
        norms = [line[place] for line in record["weight"]]
        known = [norm for norm in norms if norm is not None and math.isfinite(norm)]
        if len(known) == len(norms) and norms[0] > 0:
            found[layer["name"]] = [float(f"{norm / norms[0]:.4g}") for norm in norms]
    return found


def in_words(record: Mapping[str, Any], grown: Mapping[str, Sequence[float]]) -> list[str]:
    """Return sentences: how often was looked, and which layers grew or shrank most."""
    updates = record["updates"]
    found = [f"{len(updates):,} updates looked at, the last of them number {updates[-1]:,}."]
    if len(updates) > 1 and grown:
        most = max(grown, key=lambda name: grown[name][-1])
        least = min(grown, key=lambda name: grown[name][-1])
        found.append(f"Weights grew most in {most} ({grown[most][-1]:.3g}-fold), least in {least}")
        found[-1] += f" ({grown[least][-1]:.3g}-fold)."
    return found


def picture(title: str, updates: Sequence[int], grown: Mapping[str, Sequence[float]]) -> str:
    """Return a line for each layer, all on one logarithmic scale, with what has become of its weights beside it."""
    names = list(grown)
    if len(names) > MOST_LAYERS:
        changed = sorted(names, key=lambda name: -abs(math.log(max(grown[name][-1], 1e-12))))[:MOST_LAYERS]
        names = [name for name in names if name in changed]
    logs = {name: [math.log(max(value, 1e-12)) for value in grown[name]] for name in names}
    low = min((min(line) for line in logs.values()), default=0.0)
    high = max((max(line) for line in logs.values()), default=0.0)
    scale = (ROW - 8) / max(high - low, 0.05)
    parts = [
        vector.text(LEFT, 16, f"update {updates[0]:,}", "faint"),
        vector.text(LEFT + PLOT, 16, f"update {updates[-1]:,}", "faint", "end"),
        vector.text(LEFT + PLOT + 20, 16, "norm of the weights", "faint"),
    ]
    step = PLOT / max(len(updates) - 1, 1)
    for place, name in enumerate(names):
        base = TOP + ROW * (place + 1) - 4
        start = base + scale * low  # where the norm is as at the start
        parts.append(vector.line([(LEFT, start), (LEFT + PLOT, start)], "base"))
        points = [(LEFT + step * at, base - scale * (value - low)) for at, value in enumerate(logs[name])]
        parts.append(vector.line(points, "curve"))
        parts.append(vector.text(LEFT - 16, base - 4, name if len(name) <= 44 else f"…{name[-43:]}", "ink", "end"))
        parts.append(vector.text(LEFT + PLOT + 20, base - 4, f"{grown[name][-1]:.3g}-fold", "ink"))
    said = f"{title}: norm of the weights of {len(names)} layers over {len(updates)} updates"
    return vector.picture(WIDTH, TOP + ROW * len(names) + 6, said, [f"<style>{STYLE}</style>", *parts])
