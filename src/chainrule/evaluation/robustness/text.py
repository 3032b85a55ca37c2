"""Corruptions of texts, by share of their words: slips of a typist, capitals, words left out, words in another order,
contractions, marks left out (after Ribeiro et al. 2020, "Beyond accuracy: behavioral testing of NLP models with
CheckList", arXiv:2005.04118, and Belinkov & Bisk 2018, arXiv:1711.02173).

All but contractions, which are English, know no language. A text without what a corruption is about stays as it is. Of
a script that puts no blanks between its words each letter is a word.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.evaluation.robustness import draws
from chainrule.fields.scripts import apart, is_solid, joined
from chainrule.fields.typos import slip

NEEDS_CLEANING = True
"""Whether what is made may look otherwise than rows that were cleaned do."""

_CONTRACTED = {
    "is not": "isn't",
    "are not": "aren't",
    "was not": "wasn't",
    "were not": "weren't",
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "have not": "haven't",
    "has not": "hasn't",
    "had not": "hadn't",
    "would not": "wouldn't",
    "could not": "couldn't",
    "should not": "shouldn't",
    "cannot": "can't",
    "will not": "won't",
    "it is": "it's",
    "i am": "i'm",
    "i have": "i've",
    "i will": "i'll",
    "you are": "you're",
    "they are": "they're",
    "we are": "we're",
    "that is": "that's",
    "there is": "there's",
    "what is": "what's",
    "let us": "let's",
}
_OTHER_FORM = {**_CONTRACTED, **{short: long for long, short in _CONTRACTED.items()}}
_FORMS = re.compile(rf"\b({'|'.join(sorted(map(re.escape, _OTHER_FORM), key=len, reverse=True))})\b", re.IGNORECASE)

Alter = Callable[[str, float, np.random.Generator], str]
"""Of a text, the share of its words or places that changes, and a generator."""


def typos(text: str, share: float, rng: np.random.Generator) -> str:
    """Mistype a share of the words, one slip each, of those that have three letters or are one within a run."""
    words, gaps = apart(text)
    able = [
        place
        for place, word in enumerate(words)
        if (place and is_solid(words[place - 1]) if is_solid(word) else sum(map(str.isalpha, word)) > 2)
    ]
    for number in draws.some(len(able), min(1, share * len(words) / max(1, len(able))), rng):
        slip(words, able[number], rng, None)
    return joined(words, gaps)


def case(text: str, share: float, rng: np.random.Generator) -> str:
    """Write a share of the words in capitals."""
    words, gaps = apart(text)
    for place in draws.some(len(words), share, rng):
        words[place] = words[place].upper()
    return joined(words, gaps)


def deletions(text: str, share: float, rng: np.random.Generator) -> str:
    """Leave out a share of the words; one stays."""
    words, gaps = apart(text)
    gone = set(draws.some(len(words), share, rng)) if len(words) > 1 else set()
    kept = [None if place in gone else word for place, word in enumerate(words)]
    return joined(kept, gaps) or "".join(words[:1])


def word_order(text: str, share: float, rng: np.random.Generator) -> str:
    """Let a share of the words change places with the next one."""
    words, gaps = apart(text)
    for place in draws.some(len(words) - 1, share, rng) if len(words) > 1 else ():
        words[place : place + 2] = words[place + 1], words[place]
    return joined(words, gaps)


def contractions(text: str, share: float, rng: np.random.Generator) -> str:
    """Write a share of what English contracts the other way, "do not" for "don't" and "don't" for "do not"."""
    places = list(_FORMS.finditer(text))
    for number in reversed(draws.some(len(places), share, rng)):
        place = places[number]
        other = _OTHER_FORM.get(place[0].lower(), place[0])  # a long s is an s to the search, and no other form
        text = text[: place.start()] + (other.capitalize() if place[0][0].isupper() else other) + text[place.end() :]
    return text


def punctuation(text: str, share: float, rng: np.random.Generator) -> str:
    """Leave out a share of the marks that are no part of a word."""
    marks = [at for at, sign in enumerate(text) if unicodedata.category(sign)[0] == "P" and not _within(text, at)]
    gone = {marks[number] for number in draws.some(len(marks), share, rng)}
    return "".join(sign for at, sign in enumerate(text) if at not in gone)


def _within(text: str, at: int) -> bool:
    if not 0 < at < len(text) - 1 or is_solid(text[at - 1]) or is_solid(text[at + 1]):
        return False
    return text[at - 1].isalnum() and text[at + 1].isalnum()


CORRUPTIONS: Mapping[str, tuple[Alter, Sequence[float]]] = {
    "typos": (typos, (0.05, 0.1, 0.2, 0.3, 0.5)),
    "case": (case, (0.1, 0.25, 0.5, 0.75, 1.0)),
    "deletions": (deletions, (0.05, 0.1, 0.2, 0.3, 0.5)),
    "word_order": (word_order, (0.05, 0.1, 0.2, 0.4, 0.8)),
    "contractions": (contractions, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "punctuation": (punctuation, (0.2, 0.4, 0.6, 0.8, 1.0)),
}
"""What is done, and to which share, by severity; to one word at least."""


def corrupted(values: Sequence[str], name: str, severity: int, seed: int) -> list[str]:
    """Return texts altered; severity: from 1 to 5, 0 leaves all as they are.

    What is drawn for a text comes from the seed and the row's place.
    """
    if not severity:
        return list(values)
    alter, shares = CORRUPTIONS[name]
    return [
        alter(text, draws.at(shares, severity), draws.generator(seed, name, severity, place))
        for place, text in enumerate(values)
    ]
