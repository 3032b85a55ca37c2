"""Rows to look at, as cards: the inputs as they are, what was said of them, and what is true."""

import io
import json
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from chainrule.evaluation import page, spectrogram
from chainrule.evaluation.shown import Mark, Outline

LONGEST = 600
"""Letters of a text that are shown."""
SIDE = 192
"""Pixels of the longer side of an image that is shown; twice what the page gives it."""


class Card(NamedTuple):
    """A row: `inputs` are texts, rows of a table as JSON, bytes of PNG images and of WAV sounds.

    Lines stand below them, no HTML.
    """

    id: str
    inputs: Sequence[Any]
    lines: Sequence[tuple[str, str]]
    """What is told of it, and after it a word or number that is told apart; a line without one is left out."""
    marks: Sequence[Sequence[Mark]] = ()
    """Of answers that are parts of the last text: it is shown once for each, with these parts marked."""
    outlines: Sequence[Outline] = ()
    """What is drawn over its image."""


def to_html(cards: Sequence[Card]) -> str:
    """Return the cards side by side as far as there is room."""
    return f'<ol class="mistakes">{"".join(map(_card, cards))}</ol>'


def _card(card: Card) -> str:
    kind = "picture" if all(isinstance(shown, bytes) for shown in card.inputs) else "words"
    plain = card.inputs[:-1] if card.marks else card.inputs
    inputs = "".join(_input(card.id, shown, card.outlines) for shown in plain)
    inputs += "".join(marked(card.inputs[-1], own) for own in card.marks)
    lines = "<br>".join(f"{escape(before)} <b><bdi>{escape(told)}</bdi></b>" for before, told in card.lines if told)
    return f'<li class="{kind}">{inputs}<p>{lines}<br><small>{escape(card.id)}</small></p></li>'


def _input(name: str, shown: Any, outlines: Sequence[Outline]) -> str:
    if isinstance(shown, bytes) and spectrogram.is_sound(shown):
        return spectrogram.element(shown, f"row {name}")
    if isinstance(shown, bytes):
        return outlined(f'<img src="{page.data_uri(*_small(shown))}" alt="row {escape(name)}">', outlines)
    said = in_words(shown)
    cut = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return f'<blockquote dir="auto">{escape(cut)}</blockquote>'


def outlined(image: str, outlines: Sequence[Outline]) -> str:
    """Return an image element with boxes drawn over it; as it is where there are none."""
    if not outlines:
        return image
    drawn = "".join(
        f'<rect class="{each.kind}" x="{each.left:.4f}" y="{each.top:.4f}" width="{each.right - each.left:.4f}" '
        f'height="{each.bottom - each.top:.4f}"><title>{escape(each.kind)}: {escape(each.label)}</title></rect>'
        for each in outlines
    )
    svg = f'<svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    return f'<span class="outlined">{image}{svg}</span>'


def _small(png: bytes) -> tuple[bytes, str]:
    """Return an image no larger than it is shown, and what kind of file it is: a page has a hundred of them."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png))
    if max(picture.size) <= SIDE:
        return png, "png"
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue(), "jpeg"


def marked(text: str, marks: Sequence[Mark]) -> str:
    """Return a text as HTML with parts of it marked, each with what it is; marks do not overlap and are in order."""
    parts, at = [], 0
    for start, end, label in marks:
        name = f"<small> {escape(label)}</small>"
        parts.append(f"{escape(text[at:start])}<mark>{escape(text[start:end])}{name}</mark>")
        at = end
    return f'<blockquote dir="auto">{"".join(parts)}{escape(text[at:])}</blockquote>'


def in_words(value: str) -> str:
    """Return a text as it is, and of a table's row its cells, one a line."""
    if value.startswith("{"):
        try:
            cells = json.loads(value)
        except ValueError:
            return value
        if isinstance(cells, dict):
            return "\n".join(f"{name}: {'missing' if cell is None else cell}" for name, cell in cells.items())
    return value
