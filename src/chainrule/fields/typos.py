"""Slips of a typist, in any script: neighbouring letters swapped, one left out or doubled, a neighbouring key hit."""

import numpy as np

from chainrule.fields.scripts import is_solid

KEYBOARDS = {
    "qwerty": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "qwertz": ("qwertzuiopü", "asdfghjklöä", "yxcvbnm"),
    "azerty": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
    "jcuken": ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
}
"""The rows of letters of a keyboard, the lower ones shifted to the right by half a key each."""


def neighbours(rows: tuple[str, ...]) -> dict[str, str]:
    """Return the letters around each letter of a keyboard."""
    at = {letter: (row, place + row / 2) for row, letters in enumerate(rows) for place, letter in enumerate(letters)}
    return {
        letter: "".join(
            other for other, (y, x) in at.items() if other != letter and abs(y - row) <= 1 and abs(x - place) <= 1
        )
        for letter, (row, place) in at.items()
    }


_AROUND = {name: neighbours(rows) for name, rows in KEYBOARDS.items()}


def slip(words: list[str], place: int, rng: np.random.Generator, keyboard: str | None) -> None:
    """Put one slip into the word at a place; one that is a letter of a script without blanks is a letter of a run.

    Such a letter changes places with the next of its run, is left out (the word is then empty), or doubled. Those that
    sound or look alike would be likelier slips: telling them takes a dictionary. The first of a run stays.
    """
    word = words[place]
    if not is_solid(word):
        words[place] = mistyped(word, rng, keyboard)
    elif place and is_solid(words[place - 1]):
        kind = int(rng.integers(3))
        if kind == 0:
            words[place - 1], words[place] = word, words[place - 1]
        else:
            words[place] = "" if kind == 1 else word[:1] + word


def mistyped(word: str, rng: np.random.Generator, keyboard: str | None) -> str:
    """Return a word with one slip; one of fewer than three letters, or with none, stays.

    A slip is drawn evenly from those of any script (swapped, left out, doubled) and, with a keyboard, a key beside the
    right one, where it has the letter. The first letter stays, as it does in most that people write.
    """
    letters = [place for place, letter in enumerate(word) if letter.isalpha()]
    if len(letters) < 3:
        return word
    place = letters[int(rng.integers(1, len(letters)))]
    around = _AROUND[keyboard].get(word[place].lower(), "") if keyboard else ""
    slip = int(rng.integers(4 if around else 3))
    letter = word[place]
    if slip == 0:
        before = place - 1
        return word[:before] + letter + word[before] + word[place + 1 :]
    if slip == 1:
        return word[:place] + word[place + 1 :]
    if slip == 2:
        return word[:place] + letter + word[place:]
    hit = around[int(rng.integers(len(around)))]
    return word[:place] + (hit.upper() if letter.isupper() else hit) + word[place + 1 :]
