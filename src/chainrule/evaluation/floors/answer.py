"""Floors of answers to questions: what needs to understand neither of the two.

- no_answer: says of every question that it has none; left out where every training question has one.
- sentence: the sentence of the passage that shares most words with the question, each by how rare it is in passages
  (inverse document frequency, as the sliding-window baseline of Richardson et al. 2013, MCTest, section 4.1).
- window: of all runs of words as long as answers usually are, that in which no word is the question's and around which
  most words of the question stand near, each by how rare it is and how near (the distance-based baseline there).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.answer import right, tokens, written
from chainrule.fields.answer import NONE
from chainrule.fields.scripts import SOLID
from chainrule.fields.text import words

REACH = 12
"""Words on either side of a run that are looked at."""
_SENTENCE = re.compile(r"[^.!?。！？\n]*(?:[.!?](?!\s|$)[^.!?。！？\n]*)*[.!?。！？\n]*")
_WORD = re.compile(r"\w[\w\u0300-\u036f'’-]*", re.UNICODE)
# A letter of a script without blanks, or what stands between two of them in a word.
_PIECE = re.compile(rf"{SOLID.pattern}|(?:(?!{SOLID.pattern}).)+")


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
    """Return by name what each floor says, `said` [N_test, A] as `evaluation.scores.answer` has it.

    train, test: questions and passages; target: int [N_train, K, 2 + A].
    """
    rare = rarity(train[1])
    length = usual_length(right(target))
    asked = list(zip(*test, strict=True))
    sentences = [sentence(question, context, rare) for question, context in progress(asked, "floor", "questions")]
    runs = [window(question, context, rare, length) for question, context in asked]
    none = {"no_answer": {"said": written([""] * len(asked))}} if (target[:, 0, 0] == NONE).any() else {}
    return {**none, "sentence": {"said": written(sentences)}, "window": {"said": written(runs)}}


def rarity(passages: Sequence[str]) -> Mapping[str, float]:
    """Return the inverse document frequency of each word of some passages, those of none the largest (`""`)."""
    different = list(dict.fromkeys(passages))
    counts = Counter(word for passage in different for word in set(_said(passage)))
    found = {word: math.log((1 + len(different)) / (1 + often)) for word, often in counts.items()}
    return {**found, "": math.log(1 + len(different))}


def usual_length(answers: Iterable[Sequence[str]]) -> int:
    """Return the median number of words of an answer, at least 1."""
    lengths = [len(tokens(each)) for own in answers for each in own]
    return max(1, int(np.median(lengths))) if lengths else 1


def sentence(question: str, context: str, rare: Mapping[str, float]) -> str:
    """Return the sentence of a passage that shares most with a question; the first of those that tie."""
    asked = set(_said(question))
    found: list[str] = _SENTENCE.findall(context)
    parts = [part for each in found if (part := each.strip())] or [context]
    return max(parts, key=lambda part: sum(_rare(word, rare) for word in asked & set(_said(part))))


def window(question: str, context: str, rare: Mapping[str, float], length: int) -> str:
    """Return the run of so many words of a passage around which a question's words stand nearest."""
    asked = set(_said(question))
    spans = _spans(context)
    said = [context[start:end].casefold() for start, end in spans]
    if not spans:
        return context
    own = np.array([word in asked for word in said])
    weight = np.where(own, [_rare(word, rare) for word in said], 0.0)
    length = min(length, len(spans))
    best, most = 0, -1.0
    near = 1.0 / np.arange(1, REACH + 1)
    for start in range(len(spans) - length + 1):
        if own[start : start + length].any():
            continue
        before, behind = weight[max(0, start - REACH) : start][::-1], weight[start + length : start + length + REACH]
        points = float(before @ near[: len(before)] + behind @ near[: len(behind)])
        if points > most:
            best, most = start, points
    return context[spans[best][0] : spans[best + length - 1][1]]


def _said(text: str) -> list[str]:
    return words(text.casefold())


def _rare(word: str, rare: Mapping[str, float]) -> float:
    return rare.get(word, rare[""])


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where each word of a text begins and ends; a letter of a script without blanks is one."""
    return [
        (match.start() + piece.start(), match.start() + piece.end())
        for match in _WORD.finditer(text)
        for piece in _PIECE.finditer(match[0])
    ]
