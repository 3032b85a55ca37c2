"""How many rows there are, by split, and what was lost on the way."""

from html import escape

from chainrule.data.leaks import SPLITS
from chainrule.data.losses import losses
from chainrule.evaluation.parts import Part
from chainrule.exploration.looked import Looked

SHOWN = 8
"""Reasons that are named."""


def part(looked: Looked) -> Part:
    """Return what became of the rows of the source: those of each split, and those of none by reason."""
    lost = losses(looked.clean, looked.split)
    counts = looked.split["leaks"]["rows"]
    splits = {name: int(counts[name]) for name in SPLITS if name in counts}
    reasons = list(lost.reasons.items())
    lines = [(name, count, False) for name, count in splits.items()]
    lines += [(f"left out: {name.replace('_', ' ')}", count, True) for name, count in reasons[:SHOWN]]
    if rest := sum(count for _, count in reasons[SHOWN:]):
        lines.append((f"left out: {len(reasons) - SHOWN} more reasons", rest, True))
    bars = "".join(_bar(name, count, max(1, lost.raw), gone) for name, count, gone in lines)
    repairs = looked.clean["repairs"]
    said = f"{lost.raw:,} rows came from the source."
    if looked.clean["repaired"]:
        named = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in list(repairs.items())[:SHOWN])
        said += f" {looked.clean['repaired']:,} of the rows that were kept had to be repaired: {named}."
    links = '<a href="clean.html">clean.html</a> and <a href="split.html">split.html</a>'
    body = f"<p>{escape(said)}</p>{bars}<p class='note'>The checks that rows had to pass: {links}.</p>"
    look_at = [str(lost)] if lost.loud else []
    if splits.get("validation", 0) == 0:
        look_at.append("no validation rows: no training can choose its best epoch")
    numbers = {"raw": lost.raw, **splits, "lost": lost.lost, "reasons": lost.reasons, "look_at": look_at}
    return Part("Rows", body, numbers)


def _bar(name: str, count: int, of: int, gone: bool) -> str:
    return (
        f'<div class="bar{"" if gone else " model"}"><span class="name">{escape(name)}</span>'
        f'<span class="track"><i class="fill" style="width:{100 * count / of:.2f}%"></i></span>'
        f'<span class="number">{count:,}</span></div>'
    )
