"""A contact sheet: rows as they are and what became of them, one below the other, as a page that needs nothing else."""

import difflib
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from chainrule.evaluation import page, spectrogram

STYLE = (
    ".sheet{display:grid;gap:1rem}.sheet>div{display:flex;flex-wrap:wrap;gap:.6rem;align-items:start}"
    ".sheet figure{flex:0 1 auto;max-width:100%}.sheet figure img{width:7rem;height:7rem;object-fit:contain;"
    "image-rendering:pixelated;background:#888}.sheet p{margin:0;flex:1 1 18rem;min-width:0;"
    "overflow-wrap:anywhere;font-size:.92rem;padding:.5rem .7rem;border:1px solid var(--line);border-radius:.4rem}"
    ".sheet p.own{font-weight:600}"
    ".sheet ins{background:var(--soft);text-decoration:none;border-bottom:2px solid var(--own)}"
    ".sheet del{color:var(--faint)}"
)

Row = Sequence[Any]
"""Values of one kind: a row as it is, then its copies. Bytes of a PNG or WAV file, or a text (of a table JSON)."""


def to_html(recipe: str, facts: Mapping[str, str], fields: Mapping[str, Sequence[Row]], note: str) -> str:
    """Return the page, a section for each input field; note: what is said below the heading of each."""
    sections = [
        page.section(escape(name), f'<p class="note">{escape(note)}</p><div class="sheet">{_rows(rows)}</div>')
        for name, rows in fields.items()
    ]
    return page.document(recipe, f"{recipe}: augmentation", "Augmentation", facts, sections, style=STYLE)


def _rows(rows: Sequence[Row]) -> str:
    return "".join(
        f"<div>{''.join(_shown(value, row[0], not at) for at, value in enumerate(row))}</div>" for row in rows
    )


def _shown(value: Any, before: Any, own: bool) -> str:
    """Return a value as HTML; of a text, what was left out and what came in is marked."""
    if isinstance(value, bytes):
        caption = "as it is" if own else "copy"
        if spectrogram.is_sound(value):
            return f"<figure>{spectrogram.element(value, caption)}<figcaption>{caption}</figcaption></figure>"
        return f'<figure><img src="{page.data_uri(value)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    if own:
        return f'<p class="own" dir="auto">{escape(" ".join(_words(value)))}</p>'
    return f'<p dir="auto">{_marked(_words(before), _words(value))}</p>'


def _words(value: str) -> list[str]:
    """Return the words of a text, or `column: cell` of each cell of a table's row."""
    if value.startswith("{"):
        try:
            cells = json.loads(value)
        except ValueError:
            cells = None
        if isinstance(cells, dict):
            return [f"{name}: {'missing' if cell is None else cell};" for name, cell in cells.items()]
    return value.split()


def _marked(before: Sequence[str], after: Sequence[str]) -> str:
    parts = []
    for kind, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(escape(" ".join(before[start:end])))
            continue
        if end > start:
            parts.append(f"<del>{escape(' '.join(before[start:end]))}</del>")
        if last > first:
            parts.append(f"<ins>{escape(' '.join(after[first:last]))}</ins>")
    return " ".join(parts)
