"""Parts of a page that show what a net says: texts, images side by side, words on a plane."""

from html import escape

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.learnt import png
from chainrule.evaluation.shown import Passage, Passages, Piece, Plane, Strip, Strips, Table

WIDTH, HEIGHT, EDGE = 1000, 640, 60
"""Of a plane in its own units; between its edge and the words there is room for half a word."""


def section(shown: Passages | Strips | Plane | Table) -> str:
    """Return a part of a page that has this module's STYLE."""
    if isinstance(shown, Table):
        return page.section(shown.title, page.table(shown))
    if isinstance(shown, Plane):
        body = _plane(shown)
    elif isinstance(shown, Strips):
        body = f'<ol class="strips">{"".join(map(_strip, shown.rows))}</ol>'
    else:
        body = f'<ol class="passages">{"".join(map(_passage, shown.texts))}</ol>'
    return page.section(shown.title, f'<p class="note">{escape(shown.note)}</p>{body}')


def _passage(shown: Passage) -> str:
    text = "".join(map(_piece, shown.pieces))
    said = f'<p class="{_verdict(shown.right)}">{escape(shown.said)}</p>' if shown.said else ""
    return f'<li><blockquote dir="auto">{text}</blockquote>{said}</li>'


def _verdict(right: bool | None) -> str:
    return "" if right is None else "right" if right else "wrong"


def _piece(shown: Piece) -> str:
    if shown.was is None:
        return escape(shown.text)
    text, space = shown.text.lstrip(" "), " " if shown.text.startswith(" ") else ""
    if text == shown.was:
        return f'{space}<ins title="came back">{escape(text)}</ins>'
    return f'{space}<del title="came back">{escape(text)}</del><small title="stood there">{escape(shown.was)}</small>'


def _strip(shown: Strip) -> str:
    images = "".join(
        f'<figure><img src="{page.data_uri(png(image))}" alt="{escape(said)}">'
        f"<figcaption>{escape(said)}</figcaption></figure>"
        for image, said in shown.images
    )
    return f'<li class="{_verdict(shown.right)}">{images}</li>'


def _plane(shown: Plane) -> str:
    """Draw words at their places, the scale of each axis its own, as an SVG."""
    places = np.array([place[1:] for place in shown.words], dtype=float)
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    inside = (places - low) / np.where(span > 0, span, 1)
    words = "".join(
        f'<text x="{EDGE + x * (WIDTH - 2 * EDGE):.0f}" y="{HEIGHT - EDGE - y * (HEIGHT - 2 * EDGE):.0f}">'
        f"{escape(word)}</text>"
        for (word, _, _), (x, y) in zip(shown.words, inside.tolist(), strict=True)
    )
    said = escape(shown.note)
    return f'<svg class="plane" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{words}</svg>'


STYLE = """
.passages,.strips{list-style:none;padding:0;margin:1rem 0 0;display:grid;gap:.8rem}
.strips{grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr))}
.passages li,.strips li{border:1px solid var(--line);border-radius:.5rem;padding:.7rem}
.passages blockquote{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}.passages p{margin:.5rem 0 0;font-size:.9rem}
.right::before{content:"✓ ";color:#009e73;font-weight:700}.wrong::before{content:"✕ ";color:#b3261e;font-weight:700}
ins,del{text-decoration:none;border-radius:.25rem;padding:0 .15em;border-bottom:.15em solid #009e73}
del{border-color:#d55e00}del+small{margin-left:.25em;text-decoration:line-through}
.strips li{display:flex;gap:.6rem;align-items:flex-start}.strips figure{flex:1}
.strips img{width:100%;image-rendering:pixelated;background:#888}
.plane{width:100%;height:auto;background:var(--page);border-radius:.4rem}
.plane text{font-size:15px;text-anchor:middle;fill:var(--ink)}
@media print{.passages li,.strips li{break-inside:avoid}}
""".replace("\n", "")
