"""The parts of the data page, in order, and what of all of them stands first."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from chainrule.evaluation.parts import Part
from chainrule.exploration import (
    alterations,
    associations,
    balance,
    duplicates,
    leakage,
    outliers,
    overview,
    repairs,
    samples,
    shifts,
    sizes,
    suspicious,
)
from chainrule.exploration.looked import Looked

MAKERS: Sequence[tuple[str, Callable[[Looked], Part | None]]] = (
    ("sizes", sizes.part),
    ("balance", balance.part),
    ("leakage", leakage.part),
    ("shifts", shifts.part),
    ("samples", samples.part),
    ("overview", overview.part),
    ("associations", associations.part),
    ("duplicates", duplicates.part),
    ("suspicious", suspicious.part),
    ("outliers", outliers.part),
    ("repairs", repairs.part),
    ("alterations", alterations.part),
)
"""What makes each, by the name under which its numbers stand in explore.json; None says that there is nothing.

What a reader must not miss is a list of sentences, "look_at", among the numbers of a part.
"""
MOST = 8
"""Sentences that stand first of each part."""


def first(found: Mapping[str, Part]) -> dict[str, Part]:
    """Return the parts behind a list of what to look at in them, each sentence a link to its part."""
    lines, sentences = [], []
    for name, part in found.items():
        said = part.numbers.get("look_at", [])
        sentences += said
        lines += [f'<li><a href="#{name}">{escape(part.title)}</a>: {escape(each)}</li>' for each in said[:MOST]]
        if len(said) > MOST:
            lines.append(f'<li><a href="#{name}">{escape(part.title)}</a>: and {len(said) - MOST:,} more</li>')
    body = f'<ul class="first">{"".join(lines)}</ul>' if lines else "<p>Nothing stands out.</p>"
    rest = {name: part._replace(body=f'<span id="{name}"></span>{part.body}') for name, part in found.items()}
    return {"first": Part("Look at this first", body, {"look_at": sentences}), **rest}


STYLE = (
    "ul.first{margin:0;padding-left:1.2rem}ul.first li+li{margin-top:.35rem}a{color:var(--own)}"
    "h3{font-size:1rem;margin:1.2rem 0 .5rem}h3:first-child{margin-top:0}section>p{margin:.5rem 0}"
    ".cells{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}"
    ".cells figure{text-align:left}svg{display:block;max-width:100%;height:auto}svg text{fill:var(--faint);"
    "font:11px system-ui,sans-serif}.wide svg{max-width:none}"
    ".cell{min-width:6rem}.cell i{display:block;height:.8rem;border-radius:.15rem;background:var(--own)}"
    ".strip{display:flex;flex-wrap:wrap;gap:.35rem;margin:.3rem 0 .9rem}"
    ".strip p,.pair p{margin:0;font-size:.9rem;line-height:1.35;padding:.4rem .6rem;border:1px solid var(--line);"
    "border-radius:.4rem;overflow-wrap:anywhere;flex:1 1 14rem;min-width:0}"
    ".strip img,.pair img{width:4.5rem;height:4.5rem;object-fit:contain;image-rendering:pixelated;background:#888;"
    "border-radius:.25rem}.strip figure,.pair figure{text-align:left;max-width:9rem;font-size:.82rem;"
    "overflow-wrap:anywhere}.pair{display:flex;flex-wrap:wrap;gap:.6rem;align-items:flex-start;"
    "padding:.6rem 0;border-top:1px solid var(--line)}.pair>div{flex:1 1 12rem;min-width:0;overflow-wrap:anywhere;"
    "font-size:.9rem}.pair>div>small{display:block}.pairs{display:grid;column-gap:1.5rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr))}"
    ".narrow{grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}.narrow .pair>div{flex-basis:5rem}"
    ".tight td small{display:inline;margin-left:.3rem}.tight th,.tight td{padding:.25rem .6rem}td.more{text-align:left}"
    "summary{cursor:pointer;color:var(--own);margin:.6rem 0}@media print{.cells figure,.pair{break-inside:avoid}}"
)
"""CSS of this page alone."""
