"""A target that looks wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Doubt(NamedTuple):
    """Of the row at place `row`: what it was given, what it looks like, and how much speaks for that, in words."""

    row: int
    given: str
    suspected: str
    sure: str
    score: float
    """By what doubts are sorted; what it is, the kind of the target says."""


class Doubts(NamedTuple):
    """The rows that look wrong, the most doubtful first, and what was found of all rows."""

    rows: Sequence[Doubt]
    said: str
    """How good the simple model is, and how many targets look wrong, in a sentence or two."""
    numbers: Mapping[str, Any]
    look_at: str = ""
    """What a reader must not miss, in a sentence; "" where there is nothing."""
