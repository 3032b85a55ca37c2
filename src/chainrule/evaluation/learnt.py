"""What a pretraining has taught a net, as JSON: the stage that trains writes it, whoever draws the page reads it."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from chainrule.evaluation.shown import Learnt, Passage, Passages, Piece, Plane, Strip, Strips, Table, Word

SECTIONS = {kind.__name__: kind for kind in (Passages, Strips, Plane, Table)}


def to_json(learnt: Learnt) -> dict[str, Any]:
    """Return what was learnt as JSON's values; images as PNG, a word of the data told from other text."""
    sections = [{"kind": type(shown).__name__, **_plain(shown)} for shown in learnt.sections]
    return {"numbers": dict(learnt.numbers), "sections": sections}


def of_json(found: Mapping[str, Any]) -> Learnt:
    """Return what `to_json` was given."""
    return Learnt(found["numbers"], [_section(dict(shown)) for shown in found["sections"]])


def _plain(value: Any) -> Any:
    if isinstance(value, Word):
        return {"word": str(value)}
    if isinstance(value, np.ndarray):
        return base64.b64encode(png(value)).decode()
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def _section(shown: dict[str, Any]) -> Passages | Strips | Plane | Table:
    kind = SECTIONS[shown.pop("kind")]
    if kind is Passages:
        texts = [Passage(**text | {"pieces": [Piece(**piece) for piece in text["pieces"]]}) for text in shown["texts"]]
        return Passages(**shown | {"texts": texts})
    if kind is Strips:
        rows = [Strip([(_pixels(image), said) for image, said in row["images"]], row["right"]) for row in shown["rows"]]
        return Strips(**shown | {"rows": rows})
    if kind is Table:
        heads, *cells = ([_cell(cell) for cell in row] for row in (shown["heads"], *shown["rows"]))
        return Table(**shown | {"heads": heads, "rows": cells})
    return Plane(**shown)


def _cell(cell: Any) -> Any:
    return Word(cell["word"]) if isinstance(cell, dict) and "word" in cell else cell


def png(image: np.ndarray) -> bytes:
    """Return an image, uint8 [H, W, 1 or 3], as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, "PNG")
    return file.getvalue()


def _pixels(written: str) -> np.ndarray:
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(written))))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
