"""A text of any length as windows of tokens that overlap, and where in the text each token stands.

The same in training and in service, so neither torch nor pandas. Windows are cut by the tokenizer itself: the tokens
are those of the whole text, whatever window they stand in.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

START, END, BEGINS, SHAPE = range(4)
"""What stands in a column of places: the token's first code point in the text, the first behind it; 1 where a word
begins with it; how it is written (`shape`)."""
COLUMNS = 4
SHAPES = ("none", "sign", "digits", "lower", "capital", "upper", "mixed", "letters")
"""How a token is written; "none" marks no part of a text, "letters" are of a script without upper and lower case."""
HIGHEST = [2**31 - 1, 2**31 - 1, 1, len(SHAPES) - 1]
"""The largest that may stand in each column."""
ENCODED_TOGETHER = 1_000


class Folded(NamedTuple):
    """A row's tokens by window: ids, places int32 [T, COLUMNS] each; and whether tokens behind the last are left out.

    characters: int32 [C], the code points of the text, or of the second of a pair.

    Of a pair, places are those of the second text: tokens of the first, as those that frame texts, are nowhere (all 0).
    """

    ids: list[list[int]]
    places: list[np.ndarray]
    cut: bool
    characters: np.ndarray


def fold(
    tokenizer: "Tokenizer", rows: Sequence[str] | Sequence[tuple[str, str]], rules: Mapping[str, Any]
) -> Iterator[Folded]:
    """Yield the windows of each row, a text or a pair; of a pair each window begins with the first text.

    tokenizer: one that does not truncate. rules: `max_length`, tokens of a window at most, and `windows`: {`overlap`,
    tokens that a window shares with the one before, at most a quarter of max_length; `most`, windows of a row}. The
    first text of a pair is cut to half of a window.
    """
    for start in range(0, len(rows), ENCODED_TOGETHER):
        part = rows[start : start + ENCODED_TOGETHER]
        texts = [row if isinstance(row, str) else row[1] for row in part]
        found = tokenizer.encode_batch(texts, add_special_tokens=False)
        for row, text, encoding in zip(part, texts, found, strict=True):
            first = None if isinstance(row, str) else _first(tokenizer, row[0], rules["max_length"])
            yield _folded(tokenizer, first, text, encoding, rules)


def tokens_at_most(max_length: int, overlap: int, most: int, framing: int = 2) -> int:
    """Return how many tokens of a text are read in all windows, its frame once; framing: tokens that frame a window."""
    return max_length + (most - 1) * (max_length - framing - overlap)


@lru_cache(maxsize=65_536)
def shape(piece: str) -> int:
    """Return the place in SHAPES of how a piece of a text is written."""
    letters = [character for character in piece if character.isalpha()]
    if not letters:
        name = "digits" if any(character.isdigit() for character in piece) else "sign"
    elif not any(unicodedata.category(letter) in ("Lu", "Ll", "Lt") for letter in letters):
        name = "letters"
    elif all(letter.islower() for letter in letters):
        name = "lower"
    elif piece[:1].isupper() and all(letter.islower() for letter in letters[1:]):
        name = "capital"
    else:
        name = "upper" if all(letter.isupper() for letter in letters) else "mixed"
    return SHAPES.index(name)


def arrays(folded: Folded, pad_id: int) -> dict[str, np.ndarray]:
    """Return one row's input_ids, attention_mask int64 [1, W, L], places [1, W, L, COLUMNS] and characters [1, C].

    Windows are filled up.
    """
    lengths = [len(ids) for ids in folded.ids]
    size = (1, len(lengths), max(lengths))
    ids, mask = np.full(size, pad_id, np.int64), np.zeros(size, np.int64)
    places = np.zeros((*size, COLUMNS), np.int64)
    for window, length in enumerate(lengths):
        ids[0, window, :length], mask[0, window, :length] = folded.ids[window], 1
        places[0, window, :length] = folded.places[window]
    text = folded.characters.astype(np.int64)[None]
    return {"input_ids": ids, "attention_mask": mask, "places": places, "characters": text}


def code_points(text: str) -> np.ndarray:
    """Return the code points of a text, int32 [C]."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.int32)


def unfolded(
    row: Mapping[str, np.ndarray], end: int | None, count: int, overlap: int, special: Collection[int]
) -> list[int]:
    """Return the ids of a row's `count` texts, each once: of later windows what the ones before do not have."""
    ids: np.ndarray = row["input_ids"][0]
    if ids.ndim == 1:
        return [int(number) for number in ids]
    masks = row["attention_mask"][0]
    kept: list[list[int]] = [ids[at][there > 0].tolist() for at, there in enumerate(masks) if there.any()]
    whole, *rest = kept
    for window in rest:
        last = parts(window, end, count)[-1]
        framing = next((at for at, number in enumerate(last) if number not in special), len(last))
        whole = [*(whole[:-1] if whole[-1] == end else whole), *last[framing + overlap :]]
    return whole


def parts(ids: list[int], end: int | None, count: int) -> list[list[int]]:
    """Return the ids of each of `count` texts, their ends included; all but the last end with the first of these."""
    parts = []
    for _ in range(count - 1):
        at = ids.index(end) + 1 if end in ids else len(ids)
        parts.append(ids[:at])
        ids = ids[at:]
    return [*parts, ids]


def _first(tokenizer: "Tokenizer", text: str, max_length: int) -> "Encoding":
    """Return the first text of a pair, cut to half of a window."""
    room = max_length // 2 - tokenizer.num_special_tokens_to_add(is_pair=True)
    found = tokenizer.encode(text, add_special_tokens=False)
    if len(found.ids) <= room:
        return found
    return tokenizer.encode(text[: found.offsets[room - 1][1]], add_special_tokens=False)


def _folded(
    tokenizer: "Tokenizer", first: "Encoding | None", text: str, encoding: "Encoding", rules: Mapping[str, Any]
) -> Folded:
    overlap, most = rules["windows"]["overlap"], rules["windows"]["most"]
    framing = tokenizer.num_special_tokens_to_add(is_pair=first is not None) + (len(first.ids) if first else 0)
    begins = _begins(encoding.word_ids)
    room = rules["max_length"] - framing
    starts = range(0, max(1, len(begins) - overlap), room - overlap)
    encoding.truncate(room, stride=overlap)
    whole = tokenizer.post_process(encoding) if first is None else tokenizer.post_process(first, encoding)
    windows = [whole, *whole.overflowing][:most]
    of_text = 0 if first is None else 1
    places = [
        _places(window, of_text, text, begins[start : start + room])
        for window, start in zip(windows, starts, strict=False)
    ]
    cut = len(whole.overflowing) + 1 > most
    return Folded([window.ids for window in windows], places, cut, code_points(text))


def _begins(words: Sequence[int | None]) -> np.ndarray:
    """Return which tokens of a whole text are the first of their word, bool [T]."""
    return np.array([word is None or word != before for before, word in zip([None, *words], words, strict=False)], bool)


def _places(window: "Encoding", of_text: int, text: str, begins: np.ndarray) -> np.ndarray:
    """Return the places of a window's tokens, int32 [T, COLUMNS]; begins: of its tokens of the text."""
    own = [at for at, sequence in enumerate(window.sequence_ids) if sequence == of_text]
    offsets = window.offsets
    found = np.zeros((len(offsets), COLUMNS), np.int32)
    for at, first in zip(own, begins, strict=True):
        start, end = offsets[at]
        found[at] = start, end, first, shape(text[start:end])
    return found
