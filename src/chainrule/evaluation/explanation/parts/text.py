"""The words of a text, or of two; one that is hidden is left out, with all its tokens.

A letter of a script that puts no blanks between its words is a word. What marks the ends of a text always stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts, together
from chainrule.fields.text import words

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_NONE = -1
_Span = tuple[int, int]
_FILLED = {"attention_mask": 0, "token_type_ids": 0}


def divide(
    inputs: Arrays, values: Mapping[str, str], facts: Mapping[str, Any], tokenizer: "Tokenizer", most: int
) -> Parts:
    """Return the words that are read of one text, or of a pair, by field; beyond `most`, runs of neighbours.

    inputs: the texts' token ids, int64 [1, T], and what goes with them; facts: `pad_id` fills rows up, and the token
    `unknown_id`, the same if it is not said, stands for a word in `blank`.
    """
    first, *pair = values.values()
    encoding = tokenizer.encode(first, pair[0] if pair else None)
    spans, owner = _read(encoding, [list(_spans(text)) for text in values.values()])
    every = [
        (field, text[start:end]) for (field, text), own in zip(values.items(), spans, strict=True) for start, end in own
    ]
    there = np.unique(owner[owner != _NONE])
    joined = together(len(there), most)
    place = np.full(len(every) + 1, _NONE)  # the last one is that of no word
    place[there] = joined
    about = [_about([every[word] for word in there[joined == part]]) for part in range(int(joined.max(initial=-1)) + 1)]
    owner = place[owner]
    pad = facts["pad_id"]

    def hidden(masks: np.ndarray) -> Arrays:
        stays = np.concatenate([masks, np.ones((len(masks), 1), bool)], axis=1)[:, owner]
        return _compressed(inputs, stays, pad)

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
    return {"field": found[0][0], "text": " ".join(word for _, word in found)}


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


def _read(encoding: "Encoding", spans: list[list[_Span]]) -> tuple[list[list[_Span]], np.ndarray]:
    """Return the words of each text, and which of all of them each token belongs to, int64 [T].

    Words that share a token are one.
    """
    ends = [np.array([end for _, end in own]) for own in spans]
    tokens = []
    for token, (text, (start, end)) in enumerate(zip(encoding.sequence_ids, encoding.offsets, strict=True)):
        if text is None or end <= start or end > ends[text].max(initial=0):
            continue
        there = ends[text]
        tokens.append((token, text, int(np.searchsorted(there, start, "right")), int(np.searchsorted(there, end))))
    into = [np.arange(len(own)) for own in spans]
    for _, text, first, last in tokens:
        into[text][first : last + 1] = into[text][first]
    kept, places, before = [], [], 0
    for own, leaders in zip(spans, into, strict=True):
        starts, place = np.unique(leaders, return_inverse=True)
        lasts = [*(starts[1:] - 1), len(own) - 1][: len(starts)]
        kept.append([(own[start][0], own[last][1]) for start, last in zip(starts.tolist(), lasts, strict=True)])
        places.append(place + before)
        before += len(starts)
    owner = np.full(len(encoding.ids), _NONE)
    for token, text, first, _ in tokens:
        owner[token] = places[text][first]
    return kept, owner


def _compressed(inputs: Arrays, stays: np.ndarray, pad: int) -> Arrays:
    """Return rows of those tokens that stay, bool [M, T], filled up at their ends; of none there is one filler."""
    kept = stays.sum(axis=1)
    length = max(int(kept.max()), 1)
    order = np.argsort(~stays, axis=1, kind="stable")[:, :length]
    real = np.arange(length) < kept[:, None]
    found = {
        name: np.where(real, array[0][order], pad if name == "input_ids" else _FILLED[name])
        for name, array in inputs.items()
    }
    found["attention_mask"][kept == 0, 0] = 1
    return found
