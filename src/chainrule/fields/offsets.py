"""Places in a text, counted in code points, when the text changes: cleaned, or altered outside of them."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

Place = tuple[int, int]
"""The first code point, and the first behind the last."""


def moved(before: str, after: str, places: Sequence[Place]) -> list[Place | None]:
    """Return where each place of a text is once the text has become another; None where nothing of it is left.

    What both have in common is aligned (Ratcliff and Obershelp 1988, as in Python's difflib). Of what was replaced, as
    many letters by as many go with one another, and a place that begins or ends amid others keeps the whole of what
    replaced them. Blanks at its ends are no part of a place.
    """
    if before == after:
        return [_trimmed(after, *place) for place in places]
    starts, ends = _borders(before, after)
    return [_trimmed(after, starts[start], ends[end]) for start, end in places]


@lru_cache(maxsize=4)  # questions about one passage stand together
def _borders(before: str, after: str) -> tuple[list[int], list[int]]:
    """Return, for each border of the text before, where what begins there begins after, and what ends there ends."""
    starts, ends = [0] * (len(before) + 1), [0] * (len(before) + 1)
    for _, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        alike = b - a == d - c
        for step in range(b - a):
            starts[a + step] = c + step if alike or not step else c
            ends[a + step + 1] = c + step + 1 if alike else d
    starts[len(before)] = len(after)
    return starts, ends


def _trimmed(text: str, start: int, end: int) -> Place | None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
