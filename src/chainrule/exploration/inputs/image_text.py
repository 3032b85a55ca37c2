"""Images and texts, each as its own kind shows them; what is missing is said."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration.inputs import image, text
from chainrule.exploration.looked import Looked
from chainrule.exploration.outliers import Outlying
from chainrule.fields.measured import Measured

NARROW = False
"""Whether rows are small when they are shown."""
_SHOWS = {"image": image, "text": text}
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*", b"P4", b"P5", b"P6")
"""What files of images begin with, and hardly a text."""


def overview(looked: Looked, name: str) -> Part:
    """Return what a field's kind shows of the rows that have it, and how many lack it."""
    there = _there(looked, name)
    if any(rows.empty for rows in there.splits.values()):
        raise NotShownError(f"no training row, or no validation row, has {name}")
    found: Part = _SHOWS[name].overview(there, name)
    gone = {split: len(rows) - len(there.splits[split]) for split, rows in looked.splits.items()}
    if not any(gone.values()):
        return found
    said = " and ".join(f"{count:,} of {len(looked.splits[split]):,} {split} rows" for split, count in gone.items())
    return Part(found.title, f"<p>Missing in {escape(said)}.</p>{found.body}", {**found.numbers, "missing": gone})


def _there(looked: Looked, name: str) -> Looked:
    """Return what is looked at, of the rows alone that have a field."""
    splits = {split: rows[rows[name].str.len() > 0].reset_index(drop=True) for split, rows in looked.splits.items()}
    return looked._replace(splits=splits)


def shown(value: bytes | str, says: str) -> str:
    """Return a clean image or text, or that there is none."""
    if not value:
        return f'<p class="note">no {"image" if isinstance(value, bytes) else "text"}</p>'
    return image.shown(value, says) if isinstance(value, bytes) else text.shown(value, says)


def shown_raw(raw: Any) -> str:
    """Return an image or a text as the source gave it."""
    return image.shown_raw(raw) if isinstance(raw, bytes) and raw.startswith(_STARTS) else text.shown_raw(raw)


def came(raw: Sequence[Any], normalise: Mapping[str, Any]) -> str:
    """Return what images were as the source gave them; nothing of texts."""
    held = [value for value in raw if isinstance(value, bytes) and value]
    return image.came(held, normalise["image"]) if held and held[0].startswith(_STARTS) else ""


def compared(values: Sequence[bytes | str], normalise: Mapping[str, Any]) -> Measured:
    """Return what drift compares of images, or of texts; of one that is missing, of a black image or an empty text."""
    if all(isinstance(value, str) for value in values):
        return text.compared([str(value) for value in values], normalise["text"])
    held = [value for value in values if isinstance(value, bytes) and value]
    measured = image.compared(held, normalise["image"])
    if len(held) == len(values):
        return measured
    place = np.cumsum([bool(value) for value in values]) - 1
    there = np.array([bool(value) for value in values])

    def spread(column: np.ndarray) -> np.ndarray:
        found: np.ndarray = column[np.maximum(place, 0)].copy()
        found[~there] = 0
        return found

    numbers = {name: spread(column) for name, column in measured.numbers.items()}
    return Measured(numbers, {name: spread(column) for name, column in measured.vectors.items()}, None)


def outlying(looked: Looked, name: str) -> Outlying:
    """Return what a field's kind says of the rows that have it."""
    found: Outlying = _SHOWS[name].outlying(_there(looked, name), name)
    return found
