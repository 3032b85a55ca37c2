"""The words of a text, or of two; one that is hidden is left out, with all its tokens, in every window that has it.

A letter of a script that puts no blanks between its words is a word. What marks the ends of a text always stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts, together
from chainrule.fields import windows
from chainrule.fields.scripts import is_solid, joined
from chainrule.fields.text import words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_NONE = -1
_Span = tuple[int, int]


class _Token(NamedTuple):
    """Which text a token is of, None of none, and the letters there that it begins with and ends before."""

    text: int | None
    start: int
    end: int


def divide(
    inputs: Arrays, values: Mapping[str, str], facts: Mapping[str, Any], tokenizer: "Tokenizer", most: int
) -> Parts:
    """Return the words that are read of one text, or of a pair, by field; beyond `most`, runs of neighbours.

    inputs: the texts' token ids, int64 [1, T] or in windows [1, W, T], and what goes with them; facts: `pad_id` fills
    rows up, and the token `unknown_id`, the same if it is not said, stands for a word in `blank`; of texts in windows
    `windows` and `max_length`. Of a pair in windows the words of the second text are the parts.
    """
    spans, owner = _read(_tokens(inputs, values, facts, tokenizer), [list(_spans(text)) for text in values.values()])
    owner = owner.reshape(inputs["input_ids"].shape[1:])
    every = [
        (field, text[start:end]) for (field, text), own in zip(values.items(), spans, strict=True) for start, end in own
    ]
    there = np.unique(owner[owner != _NONE])
    run = together(len(there), most)
    place = np.full(len(every) + 1, _NONE)  # the last one is that of no word
    place[there] = run
    about = [_about([every[word] for word in there[run == part]]) for part in range(int(run.max(initial=-1)) + 1)]
    owner = place[owner]
    pad = facts["pad_id"]

    def hidden(masks: np.ndarray) -> Arrays:
        stays = np.concatenate([masks, np.ones((len(masks), 1), bool)], axis=1)[:, owner]
        return _compressed(inputs, stays & (inputs["attention_mask"] > 0), pad)

    ids = np.where(owner == _NONE, inputs["input_ids"][0], facts.get("unknown_id", pad))
    return Parts(about, owner, hidden, {**inputs, "input_ids": ids[None]}, "left out", _note(about, there, every))


def _note(about: Sequence[Any], there: np.ndarray, every: Sequence[Any]) -> str:
    said = []
    if len(there) < len(every):
        said.append(f"{len(every) - len(there):,} of {len(every):,} words are not read by the model")
    if len(about) < len(there):
        said.append(f"{len(there):,} words in {len(about):,} runs of neighbours")
    return "; ".join(said)


def _about(found: Sequence[tuple[str, str]]) -> dict[str, str]:
    said = [word for _, word in found]
    gaps = ["" if is_solid(before) and is_solid(word) else " " for before, word in pairwise(["", *said])]
    return {"field": found[0][0], "text": joined(said, gaps)}


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word begins and ends."""
    for chunk in re.finditer(r"\S+", text):
        start, end = chunk.span()
        if chunk[0].isascii():
            yield start, end
            continue
        at = start
        for word in words(chunk[0], signs=True):
            begins = text.find(word, at, end)
            if begins < 0:  # a mark that is no word; it stays with what is before it
                continue
            yield begins, begins + len(word)
            at = begins + len(word)


def _tokens(
    inputs: Arrays, values: Mapping[str, str], facts: Mapping[str, Any], tokenizer: "Tokenizer"
) -> list[_Token]:
    """Return of each token of the inputs, window by window, which text it is of and where it stands there."""
    first, *pair = values.values()
    if not facts.get("windows"):
        encoding = tokenizer.encode(first, pair[0] if pair else None)
        return [_Token(text, *offsets) for text, offsets in zip(encoding.sequence_ids, encoding.offsets, strict=True)]
    (folded,) = windows.fold(tokenizer, [(first, pair[0])] if pair else [first], facts)
    _, count, longest = inputs["input_ids"].shape
    tokens = [_Token(None, 0, 0)] * (count * longest)
    for window, places in enumerate(folded.places):
        for at, (start, end) in enumerate(places[:, [windows.START, windows.END]].tolist()):
            tokens[window * longest + at] = _Token(len(pair), start, end)
    return tokens


def _read(tokens: Sequence[_Token], spans: list[list[_Span]]) -> tuple[list[list[_Span]], np.ndarray]:
    """Return the words of each text, and which of all of them each token belongs to, int64 [T].

    Words that share a token are one.
    """
    ends = [np.array([end for _, end in own]) for own in spans]
    inside = []
    for token, (text, start, end) in enumerate(tokens):
        if text is None or end <= start or end > ends[text].max(initial=0):
            continue
        there = ends[text]
        inside.append((token, text, int(np.searchsorted(there, start, "right")), int(np.searchsorted(there, end))))
    into = [np.arange(len(own)) for own in spans]
    for _, text, first, last in inside:
        into[text][first : last + 1] = into[text][first]
    kept, places, before = [], [], 0
    for own, leaders in zip(spans, into, strict=True):
        starts, place = np.unique(leaders, return_inverse=True)
        lasts = [*(starts[1:] - 1), len(own) - 1][: len(starts)]
        kept.append([(own[start][0], own[last][1]) for start, last in zip(starts.tolist(), lasts, strict=True)])
        places.append(place + before)
        before += len(starts)
    owner = np.full(len(tokens), _NONE)
    for token, text, first, _ in inside:
        owner[token] = places[text][first]
    return kept, owner


def _compressed(inputs: Arrays, stays: np.ndarray, pad: int) -> Arrays:
    """Return rows of those tokens that stay, bool [M, …, T], filled up at their ends; of none there is one filler.

    In windows, [M, W, T], each is filled up by itself; one of which nothing stays is none.
    """
    kept = stays.sum(axis=-1)
    length = max(int(kept.max()), 1)
    order = np.argsort(~stays, axis=-1, kind="stable")[..., :length]
    real = np.arange(length) < kept[..., None]
    found = {}
    for name, array in inputs.items():
        more = array.shape[stays.ndim :]  # what there are several numbers of by token
        rows = np.broadcast_to(array, (*stays.shape, *more))
        at, there = (each.reshape(*each.shape, *[1] * len(more)) for each in (order, real))
        taken = np.take_along_axis(rows, at, axis=stays.ndim - 1)
        found[name] = np.where(there, taken, pad if name == "input_ids" else 0)
    none = ~real.any(axis=tuple(range(1, real.ndim)))
    found["attention_mask"].reshape(len(stays), -1)[none, 0] = 1
    return found
