"""Floors of a text that is written for a text: the text as it is, and word for word out of a dictionary.

The dictionary is learnt from which words occur together: IBM model 1 (Brown et al. 1993, "The mathematics of
statistical machine translation", https://aclanthology.org/J93-2003, section 4.5), a few rounds of expectation
maximisation, in which a word may also stand for none of the source's.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.fields.text import words
from chainrule.fields.wording import codes, texts

ROUNDS = 5
LINKS = 20_000_000
"""Pairs of a source's and a text's word that are looked at; of more, rows are drawn."""
_CLOSED_UP = re.compile(r" ([,.;:!?…)\]»%])")
_OPENED = re.compile(r"([(\[«]) ")


def floors(
    kind: Any,
    train: Sequence[Any],
    target: np.ndarray,
    test: Sequence[Any],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name the `text` [N_test, L], code points, of each floor.

    train, test: the sources, by input field, of which there is one; target: int [N_train, L]; facts, groups and kind
    play no part. Raises ValueError on inputs that do not fit together.
    """
    (sources,), (asked,) = train, test
    if len(sources) != len(target) or not len(target):
        raise ValueError(f"{len(sources)} training rows and {len(target)} texts")
    meaning = dictionary(sources, texts(target), seed, progress)
    said = [word_for_word(source, meaning) for source in asked]
    return {"copy": _outputs(list(asked)), "dictionary": _outputs(said)}


def _outputs(said: Sequence[str]) -> Outputs:
    return {"text": codes(said, max((len(text) for text in said), default=0) or 1)}


def word_for_word(source: str, meaning: dict[str, str]) -> str:
    """Return what a dictionary makes of a text; words that it does not have stay as they are."""
    said = " ".join(meaning.get(word, word) for word in words(source, signs=True))
    return _OPENED.sub(r"\1", _CLOSED_UP.sub(r"\1", " ".join(said.split())))


class Links(NamedTuple):
    """Every pair of a source's word and a text's word of the same row, [L] each.

    place: the number of the text's word among those of all rows; pair: the number of the pair of words; source, of each
    pair [P]: its source's word; said, of each pair [P]: the text's.
    """

    place: np.ndarray
    pair: np.ndarray
    source: np.ndarray
    said: np.ndarray


def dictionary(
    sources: Sequence[str], written: Sequence[str], seed: int, progress: Progress = unseen
) -> dict[str, str]:
    """Return the likeliest word for each word of sources."""
    known: tuple[dict[str, int], dict[str, int]] = ({"": 0}, {})  # a source's word that is none is the first
    rows = [
        tuple(np.array([own.setdefault(word, len(own)) for word in words(text, signs=True)], np.int64)
              for own, text in zip(known, both, strict=True))
        for both in zip(sources, written, strict=True)
    ]  # fmt: skip
    links = _links(rows, len(known[1]), seed)
    count = int(links.pair.max(initial=-1)) + 1
    chance = np.ones(count)
    for _ in progress(range(ROUNDS), "learn a dictionary", "rounds"):
        shares = chance[links.pair]
        shares /= np.bincount(links.place, shares)[links.place]
        counts = np.bincount(links.pair, shares, minlength=count)
        chance = counts / np.bincount(links.source, counts)[links.source]
    best = np.lexsort((-chance, links.source))
    first = np.flatnonzero(np.diff(links.source[best], prepend=-1))
    names, said = list(known[0]), list(known[1])
    return {names[links.source[at]]: said[links.said[at]] for at in best[first] if links.source[at]}


def _links(rows: Sequence[tuple[np.ndarray, ...]], vocabulary: int, seed: int) -> Links:
    """Return the links of rows of words, int64 [S] and [T]; of more than LINKS those of rows that the seed draws."""
    order = np.random.default_rng(seed).permutation(len(rows))
    sizes = np.array([(len(rows[at][0]) + 1) * len(rows[at][1]) for at in order])
    taken = order[: max(1, int(np.searchsorted(sizes.cumsum(), LINKS)))]
    places, keys, before = [], [], 0
    for at in np.sort(taken):
        source, said = np.append(0, rows[at][0]), rows[at][1]
        places.append(np.repeat(np.arange(before, before + len(said)), len(source)))
        keys.append((np.tile(source, len(said)) * vocabulary) + np.repeat(said, len(source)))
        before += len(said)
    there, pair = np.unique(np.concatenate(keys), return_inverse=True)
    return Links(np.concatenate(places), pair, there // vocabulary, there % vocabulary)
