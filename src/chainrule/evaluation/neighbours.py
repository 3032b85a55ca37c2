"""Words by their vectors: which are near, and what a sum of them comes near to.

Analogies by adding and subtracting unit vectors: Mikolov, Yih and Zweig 2013, "Linguistic Regularities in Continuous
Space Word Representations", https://aclanthology.org/N13-1090, as 3CosAdd of Levy and Goldberg 2014,
https://aclanthology.org/W14-1618.
"""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.system.errors import DataError, ParamsError

SIGNS: Mapping[str, int] = {"+": 1, "-": -1}
MOST_TERMS = 16


def terms(expression: str) -> list[tuple[int, str]]:
    """Return the words of a sum with their signs: "king - man + woman" is [(1, king), (-1, man), (1, woman)].

    Signs stand between blanks, one before the first word, too: "- king" is what lies opposite. Raises ParamsError for
    what is no sum, DataError for one whose words cancel out.
    """
    found: list[tuple[int, str]] = []
    sign: int | None = None
    for at, part in enumerate(expression.split()):
        if part in SIGNS and sign is None:
            sign = SIGNS[part]
        elif part not in SIGNS and (sign is not None or at == 0):
            found.append((sign or 1, part))
            sign = None
        else:
            raise ParamsError(f"{expression!r} is no sum of words; write it like: king - man + woman")
    if sign is not None or not found:
        raise ParamsError(f"{expression!r} is no sum of words; write it like: king - man + woman")
    if len(found) > MOST_TERMS:
        raise ParamsError(f"{len(found)} words are more than the {MOST_TERMS} that a sum may have")
    if not any(sum(sign for sign, word in found if word == own) for _, own in found):
        raise DataError(f"{expression!r}: its words cancel each other out, and nothing is near to nothing")
    return found


def nearest(
    words: Sequence[str], vectors: np.ndarray, sum_of: Sequence[tuple[int, str]], count: int
) -> list[tuple[str, float]]:
    """Return the words nearest to a sum, the nearest first, each with its cosine; none of the sum's own.

    words: [V]; vectors: float [V, D], a line each; sum_of: as `terms` gives it. Raises ParamsError for a word that has
    no vector, with one that is written alike.
    """
    place = {word: at for at, word in enumerate(words)}
    for _, word in sum_of:
        if word not in place:
            near = difflib.get_close_matches(word, words, 1)
            raise ParamsError(
                f"no vector of {word!r}: it is no word of this vocabulary{f'; {near[0]} is' if near else ''}"
            )
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    wanted = sum(sign * unit[place[word]] for sign, word in sum_of)
    cosines = unit @ wanted / max(float(np.linalg.norm(wanted)), 1e-12)
    own = {place[word] for _, word in sum_of}
    order = [at for at in np.argsort(-cosines, kind="stable").tolist() if at not in own]
    return [(words[at], float(cosines[at])) for at in order[:count]]
