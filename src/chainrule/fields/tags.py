"""Spans as tags of words, and back: B- where a span begins, I- inside of it, O outside (IOB2).

Ramshaw and Marcus 1995 (https://aclanthology.org/W95-0107), with the B- of every first word of Tjong Kim Sang and
Veenstra 1999 (https://aclanthology.org/E99-1023). Tags are numbers: 0 is O, 1 + 2c and 2 + 2c are B- and I- of class c.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.fields.windows import BEGINS, END, START

OUTSIDE = 0
NEVER = -1e4
"""What stands for the logarithm of 0."""
LEAST = -200.0
"""The least logarithm that is reckoned with beside others: two of them multiplied are still a number."""


class Span(NamedTuple):
    """A part of a text: the place of its class, its first code point, the first behind it, and how likely it is."""

    label: int
    start: int
    end: int
    probability: float = 1.0


def names(classes: Sequence[str]) -> list[str]:
    """Return the tags of classes, by number."""
    return ["O", *(f"{mark}-{name}" for name in classes for mark in "BI")]


def count(classes: int) -> int:
    """Return how many tags there are of so many classes."""
    return 1 + 2 * classes


def begin(label: int) -> int:
    """Return the tag of the first word of a span; that of the others is the next."""
    return 1 + 2 * label


class Words(NamedTuple):
    """The words of a text: start and end, int64 [T, 2], logarithms of the probabilities of their tags [T, K], and the
    likeliest tags of all together, int64 [T].
    """

    places: np.ndarray
    scores: np.ndarray
    path: np.ndarray


def words(logits: np.ndarray, offsets: np.ndarray, transitions: np.ndarray | None = None) -> Words:
    """Return the words of a row, of the logits [W, L, K] of its tokens and where they are, offsets [W, L, 3].

    offsets: the first three columns of places (`fields.windows`). transitions [K + 1, K]: what a tag counts behind each
    tag, and, last, at the start; None: nothing, but where it cannot stand.

    A token that is in two windows is told by that in which it has most context on its poorer side. A word is told by
    its first token, and ends with its last.
    """
    tags = logits.shape[-1]
    there = offsets[..., END] > 0
    if not there.any():
        return Words(np.empty((0, 2), np.int64), np.empty((0, tags)), np.empty(0, np.int64))
    window, position = np.nonzero(there)
    context = np.minimum(_behind(there)[window, position], _behind(there[:, ::-1])[:, ::-1][window, position])
    own = offsets[window, position].astype(np.int64)
    # Of each token, which a start and an end tell, that with most context comes first.
    order = np.lexsort((-context, own[:, END], own[:, START]))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(own[order][:, [START, END]], axis=0) != 0).any(axis=1)
    kept = order[first]
    own, found = own[kept], np.asarray(logits[window[kept], position[kept]], np.float64)
    begins = own[:, BEGINS] > 0
    begins[0] = True
    at = np.flatnonzero(begins)
    ends = np.maximum.reduceat(own[:, END], at)
    counted = np.where(allowed(tags), 0.0 if transitions is None else transitions, -np.inf).astype(np.float64)
    places = np.stack([own[at, START], ends], axis=1)
    return Words(places, marginals(found[at], counted), likeliest(found[at], counted))


def _behind(there: np.ndarray) -> np.ndarray:
    """Return how many tokens of its window stand before each, int64 [W, L]."""
    return np.asarray(np.cumsum(there, axis=1) - there)


def rows(outputs: Mapping[str, np.ndarray]) -> list[Words]:
    """Return the words of each row of a model's outputs: logits [N, W, L, K], offsets [N, W, L, 3] and, of a model that
    learns them, transitions [N, K + 1, K].
    """
    transitions = outputs.get("transitions", [None] * len(outputs["logits"]))
    return [words(*each) for each in zip(outputs["logits"], outputs["offsets"], transitions, strict=True)]


def allowed(tags: int) -> np.ndarray:
    """Return which tag may stand behind each of so many, and, last, at the start, bool [K + 1, K]: I- behind its own B-
    or I- alone.
    """
    found = np.ones((tags + 1, tags), bool)
    inside = np.arange(2, tags, 2)
    found[:, inside] = False
    found[inside, inside] = found[inside - 1, inside] = True
    return found


def likeliest(scores: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Return the tags int64 [T] whose scores [T, K] and transitions [K + 1, K] have the largest sum.

    The path of Viterbi 1967 (https://doi.org/10.1109/TIT.1967.1054010).
    """
    if not len(scores):
        return np.zeros(0, np.int64)
    every = np.arange(scores.shape[1])
    total, came = scores[0] + transitions[-1], np.zeros(scores.shape, np.int64)
    for word in range(1, len(scores)):
        through = total[:, None] + transitions[:-1]
        came[word] = through.argmax(axis=0)
        total = through[came[word], every] + scores[word]
    path = [int(total.argmax())]
    for word in range(len(scores) - 1, 0, -1):
        path.append(int(came[word, path[-1]]))
    return np.array(path[::-1], np.int64)


def marginals(scores: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Return the logarithm of each tag's probability at each word, [T, K], over all tags of the others.

    Of the linear chain with scores [T, K] and transitions [K + 1, K] (Lafferty et al. 2001; forwards and backwards as
    Rabiner 1989, https://doi.org/10.1109/5.18626, section III, scaled at every word). NaN where a score is.
    """
    if not len(scores):
        return np.zeros(scores.shape)
    step = np.exp(np.maximum(transitions, LEAST)) * (transitions > LEAST)
    told = np.exp(np.maximum(scores - scores.max(axis=1, keepdims=True), LEAST))
    ahead, behind = told * step[-1], np.ones(told.shape)
    ahead[0] /= ahead[0].sum()
    for word in range(1, len(told)):
        ahead[word] = (ahead[word - 1] @ step[:-1]) * told[word]
        ahead[word] /= ahead[word].sum()
    for word in range(len(told) - 1, 0, -1):
        behind[word - 1] = step[:-1] @ (behind[word] * told[word])
        behind[word - 1] /= behind[word - 1].sum()
    both = ahead * behind
    with np.errstate(divide="ignore"):  # what cannot be has the probability 0
        return np.asarray(np.maximum(np.log(both / both.sum(axis=1, keepdims=True)), NEVER))


def spans(found: Words) -> list[Span]:
    """Return the spans that a row's words say; the probability of one is the product of its words'."""
    made, tags = [], found.path
    begins = np.flatnonzero((tags > 0) & (tags % 2 == 1))
    for at in begins.tolist():
        last = at
        while last + 1 < len(tags) and tags[last + 1] == tags[at] + 1:
            last += 1
        chance = float(np.exp(sum(found.scores[word, tags[word]] for word in range(at, last + 1))))
        start, end = int(found.places[at, 0]), int(found.places[last, 1])
        made.append(Span(int(tags[at] - 1) // 2, start, end, min(chance, 1.0)))
    return made


def of_words(encoded: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the tags int64 [T] of words at places [T, 2], by the spans [S, 3] of their row (label, start, end).

    A word belongs to the span that holds its first code point, and begins it where none before it does.
    """
    tags = np.full(len(places), OUTSIDE)
    for label, start, end in encoded.tolist():
        if label < 0:
            continue
        own = np.flatnonzero((places[:, 0] >= start) & (places[:, 0] < end))
        for number, word in enumerate(own):
            tags[word] = begin(label) + (number > 0)
    return tags


def encoded(sets: Sequence[Sequence[tuple[int, int, int]]]) -> np.ndarray:
    """Return spans (label, start, end) of rows as int32 [N, S, 3], filled up with -1."""
    found = np.full((len(sets), max((len(own) for own in sets), default=0) or 1, 3), -1, np.int32)
    for row, own in enumerate(sets):
        if own:
            found[row, : len(own)] = [each[:3] for each in own]
    return found


def listed(encoded: np.ndarray) -> list[list[Span]]:
    """Return the spans of each row of int [N, S, 3], in their order."""
    return [[Span(*each) for each in row.tolist() if each[0] >= 0] for row in encoded]
