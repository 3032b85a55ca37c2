"""Scripts that put no blanks between words: which letters are theirs, and a text as words that can be altered.

Where nothing says where a word ends, each letter is a word of its own, its marks included.
"""

import re
import unicodedata
from collections.abc import Sequence

# Thai, Lao, Tibetan and Burmese; Khmer; kana; Han. Their marks stay with the letter before.
_BLOCKS = "\u0e00-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "".join(
    chr(letter)
    for letter in (*range(0xE00, 0x10A0), *range(0x1780, 0x1800), 0x3099, 0x309A, *range(0xFE00, 0xFE10))
    if unicodedata.category(chr(letter))[0] == "M"
)
SOLID = re.compile(f"(?![{_MARKS}])[{_BLOCKS}][{_MARKS}]*")
"""A letter of a script that puts no blanks between its words, with its marks."""
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""An ideograph."""

_EAST = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\uff00-\uff60"
_LOOSE = re.compile(f"(?<=[{_EAST}]) +(?=[{_EAST}])")
# Latin letters and digits of double width; signs; katakana of half width.
_LETTERS = {at: at - 0xFEE0 for at in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SIGNS = {at: at - 0xFEE0 for at in range(0xFF01, 0xFF5F) if at not in _LETTERS}
_NARROW = re.compile("[\uff65-\uff9f]+")


def close_up(text: str) -> str:
    """Return a text without the blanks between ideographs, kana and their punctuation; one beside Latin stays."""
    return _LOOSE.sub("", text)


def one_width(text: str, signs: bool) -> str:
    """Return a text whose Latin letters and digits are of half width, and whose katakana are of full width.

    signs: whether ！, ， and ： become those of ASCII, too; 。 and 、 have no other form and stay.
    """
    plain = text.translate(_LETTERS | _SIGNS if signs else _LETTERS)
    return _NARROW.sub(lambda found: unicodedata.normalize("NFKC", found[0]), plain)


def is_solid(word: str) -> bool:
    """Return whether a word begins with a letter of a script that puts no blanks between words."""
    return SOLID.match(word) is not None


def apart(text: str) -> tuple[list[str], list[str]]:
    """Return a text's words, and what stands before each, a blank or nothing.

    Words are what blanks part, and in them the letters of scripts without blanks; a sign stays with what is before it,
    as in "good." or "好。". `joined` makes the text again of both.
    """
    words: list[str] = []
    gaps: list[str] = []
    for chunk in text.split():
        starts = [0] if chunk.isascii() else _starts(chunk)
        words += [chunk[start:end] for start, end in zip(starts, [*starts[1:], len(chunk)], strict=True)]
        gaps += [" " if words and place == 0 else "" for place in range(len(starts))]
    if gaps:
        gaps[0] = ""
    return words, gaps


def joined(words: Sequence[str | None], gaps: Sequence[str]) -> str:
    """Return the text of words and what stands before each; None or nothing: the word was left out.

    A blank before a word that is gone stands before the next, so none is lost between words that it parts.
    """
    parts: list[str] = []
    gap = ""
    for word, before in zip(words, gaps, strict=True):
        gap = gap or before
        if word:
            parts += [gap if parts else "", word]
            gap = ""
    return "".join(parts)


def _starts(chunk: str) -> list[int]:
    """Return where the words of a run without blanks begin."""
    starts = [0]
    after_solid = False
    for found in re.finditer(f"{SOLID.pattern}|.", chunk, re.DOTALL):
        solid = is_solid(found[0])
        if solid or (after_solid and found[0].isalnum()):
            starts.append(found.start())
            after_solid = solid
    # What comes before the first letter is a word only where it has a letter or a digit itself.
    if len(starts) > 1 and (starts[1] == 0 or not any(map(str.isalnum, chunk[: starts[1]]))):
        del starts[1]
    return starts
