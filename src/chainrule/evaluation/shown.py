"""What a task shows of a model on its page, as plain data: pictures, tables, and the rows to look at first."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Picture(NamedTuple):
    """A PNG file `<name>.png` to be drawn; the caption also stands in for it where it cannot be seen."""

    name: str
    caption: str
    draw: Callable[[Path], None]
    wide: bool = True
    """Whether it takes the full width of the page."""


class Word(str):
    """A word of the data in a table, shown in the direction in which it is written."""


Cell = Word | str | Mapping[str, Any]
"""A word of the data, a number as it is printed, or a score {"value", "low", "high"}."""


class Table(NamedTuple):
    """A section of the page."""

    title: str
    heads: Sequence[Word | str]
    rows: Sequence[Sequence[Cell]]
    """The last cell of a row that is shorter than the heads spans the rest."""
    notes: Sequence[str] = ()
    tall: bool = False
    """Whether it is so long that it scrolls in a box of its own."""


class Mark(NamedTuple):
    """A part of a text that is marked: its first code point, the first behind it, and what it is."""

    start: int
    end: int
    label: str


class Outline(NamedTuple):
    """A box that is drawn over an image, in shares of its sides, what is written beside it, and what it is."""

    left: float
    top: float
    right: float
    bottom: float
    label: str
    kind: str
    """true, missed, right or wrong."""


class Wrong(NamedTuple):
    """A test row that was answered wrong or far off."""

    row: int
    said: str
    detail: str
    """How sure the model was, or how far off."""
    truth: str
    said_at: Sequence[Mark] | None = None
    """Of answers that are parts of the last text: what was said, and in `true_at` what is true."""
    true_at: Sequence[Mark] = ()
    outlines: Sequence[Outline] = ()
    """Of answers that are boxes over an image: what is true, and what was said."""


class Worst(NamedTuple):
    """The rows to look at first."""

    title: str
    note: str
    none: str
    """What is said where there is no such row."""
    rows: Sequence[Wrong]


class Piece(NamedTuple):
    """A part of a text; `was` is what stood there where a net had to say it, and `text` what it said."""

    text: str
    was: str | None = None


class Passage(NamedTuple):
    """A text, and what a net makes of it."""

    pieces: Sequence[Piece]
    said: str = ""
    right: bool | None = None
    """Whether it is what is true; None where nothing is."""


class Passages(NamedTuple):
    """A section of texts."""

    title: str
    note: str
    texts: Sequence[Passage]


class Strip(NamedTuple):
    """Images uint8 [H, W, C] side by side, each with words below it."""

    images: Sequence[tuple[np.ndarray, str]]
    right: bool | None = None


class Strips(NamedTuple):
    """A section of images."""

    title: str
    note: str
    rows: Sequence[Strip]


class Plane(NamedTuple):
    """A section with words at their places (x, y) in a plane."""

    title: str
    note: str
    words: Sequence[tuple[str, float, float]]


class Learnt(NamedTuple):
    """What an objective has taught a net, on validation rows: numbers as they are printed, by name, and sections."""

    numbers: Mapping[str, str]
    sections: Sequence[Passages | Strips | Plane | Table]
