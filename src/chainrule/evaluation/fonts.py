"""Names of classes in pictures: in lines that fit, in a font that has their letters, else as a number.

A page has the fonts of its reader's machine and room for any name; a picture has neither. A name that cannot be drawn,
or would have to be cut, is "#3" in every picture, and whoever shows the pictures says which class that is.
"""

import logging
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

MANY = 24
"""Above so many classes an axis carries numbers alone."""
LINE, LONE_LINE, MOST_LINES = 18, 28, 3
"""Characters of a line (an East Asian one takes two), of a line that stands alone, and lines of a name."""
BASE = "DejaVu Sans"
"""matplotlib's own font."""


def drawn(names: Sequence[str], lines: int = MOST_LINES) -> list[str]:
    """Return each name as a picture shows it: in at most `lines` lines, or "#" and its number from 1."""
    missing = _missing(names)
    shown = []
    for number, name in enumerate(names, 1):
        parts = _wrapped(name, LINE if lines > 1 else LONE_LINE)
        fits = parts and len(parts) <= lines and not missing & _letters(name)
        shown.append("\n".join(parts) if fits else f"#{number}")
    return shown


def on_axis(names: Sequence[str]) -> dict[int, str]:
    """Return the classes to mark on an axis, by place from 0: all, or with many classes a few numbers."""
    if len(names) > MANY:
        step = next(step for step in (5, 10, 20, 50, 100, 200, 500, 1000) if len(names) / step <= 12 or step == 1000)
        return {number - 1: f"#{number}" for number in (1, *range(step, len(names) + 1, step))}
    return dict(enumerate(drawn(names, MOST_LINES if len(names) <= 6 else 1)))


def inches(text: str) -> float:
    """About how wide a drawn name is at 9 points."""
    return 0.08 * max(len(line) * (2 if _is_wide(line) else 1) for line in text.split("\n"))


def numbered(names: Sequence[str]) -> bool:
    """Whether a picture of these classes shows a number in place of any name."""
    return any(shown == f"#{place + 1}" for place, shown in on_axis(names).items())


def undrawable(names: Sequence[str]) -> list[str]:
    """Return the names with a letter that no font of this machine has."""
    missing = _missing(names)
    return [name for name in names if missing & _letters(name)]


def look(names: Sequence[str]) -> dict[str, Any]:
    """Return how matplotlib is to draw texts of these names: in which fonts, and a dollar as a dollar."""
    return {"family": _found(frozenset().union(*map(_letters, names)))[0], "parse_math": False}


def _missing(names: Sequence[str]) -> frozenset[int]:
    return _found(frozenset().union(*map(_letters, names)))[1]


def _letters(name: str) -> frozenset[int]:
    """Code points that need a sign in a font: not blanks, marks of direction and selectors."""
    return frozenset(
        ord(sign)
        for sign in name
        if not sign.isspace() and unicodedata.category(sign) != "Cf" and not 0xFE00 <= ord(sign) <= 0xFE0F
    )


def _wrapped(name: str, width: int) -> list[str]:
    """Lines of at most `width`, broken after blanks and signs, within a word only if it must be."""
    if _is_wide(name):
        width //= 2
    lines = [""]
    for part in re.findall(r"[^\s._/-]*[\s._/-]*", " ".join(name.split())):
        if lines[-1] and len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line[at : at + width].strip() for line in lines for at in range(0, len(line.rstrip()), width)]


def _is_wide(name: str) -> bool:
    return any(unicodedata.east_asian_width(sign) in "WF" for sign in name)


def _found(letters: frozenset[int]) -> tuple[list[str], frozenset[int]]:
    """(Fonts that have the letters, letters that none has): of installed fonts those with most of what is missing."""
    chosen, missing = [BASE], letters - _known(_base())
    candidates = _installed() if missing else {}
    while missing:
        best = max(candidates, key=lambda font: len(missing & _known(candidates[font])))
        found = missing & _known(candidates[best])
        if not found:
            break
        chosen.append(best)
        missing -= found
    return chosen, missing


def _installed() -> dict[str, str]:
    """Files of this machine's fonts by name, those without serifs first."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    # It says of a font that its only weight is another than the one asked for.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # The list is kept from run to run and knows nothing of a font that was installed since.
    there = {entry.fname for entry in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - there):
        try:
            manager.addfont(path)
        except (OSError, RuntimeError):  # no font that can be read
            continue
    upright = sorted({(entry.name, entry.fname) for entry in manager.ttflist if entry.style == "normal"}, reverse=True)
    # Fonts of coloured pictures cannot be drawn, and the font of last resort is made of boxes.
    usable = {name: path for name, path in upright if not {"Emoji", "Resort"} & set(name.split())}
    return {name: usable[name] for name in sorted(usable, key=lambda name: ("Sans" not in name, name))}


def _base() -> str:
    from matplotlib import font_manager

    return font_manager.findfont(BASE)


@cache
def _known(path: str) -> frozenset[int]:
    """Code points that a font has; none of a font that cannot be read or scaled."""
    from matplotlib import font_manager

    try:
        face = font_manager.get_font(path)
        return frozenset(face.get_charmap()) if face.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()
