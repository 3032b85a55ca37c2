"""Corruptions of an image while its text stays as it is, and of the text while its image does."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation.robustness import image, text

NEEDS_CLEANING = False
"""Whether what is made may look otherwise than rows that were cleaned do: texts are asked as they are written."""
CORRUPTIONS = {**image.CORRUPTIONS, **text.CORRUPTIONS}
"""By name: those of images, then those of texts."""


def corrupted(values: Sequence[Any], name: str, severity: int, seed: int) -> list[Any]:
    """Return images, or texts, of rows under a corruption; as they are under one of the other, and where missing."""
    kind = image if name in image.CORRUPTIONS else text
    own = bytes if kind is image else str
    there = [place for place, value in enumerate(values) if value and isinstance(value, own)]
    altered = kind.corrupted([values[place] for place in there], name, severity, seed)
    found = list(values)
    for place, value in zip(there, altered, strict=True):
        found[place] = value
    return found
