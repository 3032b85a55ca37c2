"""The tokens of a tokenizer as pieces of words: which begin a word, which end a sentence, how they are written."""

import json
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tokenizers import Tokenizer, decoders

from chainrule.fields.scripts import is_solid

START_MARKS = ("▁", "Ġ")  # of SentencePiece and of byte pairs such as GPT-2's
SENTENCE_ENDS = frozenset(".!?…。！？।؟۔")
NO_SPACE_BEFORE = frozenset(".,;:!?…%)]}'’\"”")


class Pieces(NamedTuple):
    """By token id: its text without marks, whether it begins a word, whether it ends a sentence.

    spaced: whether words are written apart, as where spaces are no tokens.
    """

    texts: list[str]
    begins: list[bool]
    ends: list[bool]
    spaced: bool

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the texts of tokens, each with the space before it where it begins a word."""
        found: list[str] = []
        for token in ids:
            text = self.texts[token]
            apart = self.spaced and self.begins[token] and text[:1] not in NO_SPACE_BEFORE
            found.append(f" {text.lstrip()}" if found and apart else text)
        return found


class Frame(NamedTuple):
    """The tokens that a tokenizer puts before, between and behind two texts."""

    before: list[int]
    between: list[int]
    behind: list[int]


def says(word: str) -> bool:
    """Return whether a word is shown: of three letters and more, or an ideograph, which says as much."""
    return is_solid(word) or sum(map(str.isalpha, word)) > 2


@cache
def of(tokenizer: str, vocabulary: int) -> Pieces:
    """Return the pieces of a tokenizer, given as JSON, up to `vocabulary`; what it does not name is a word.

    Word pieces mark what goes on in a word (##), byte pairs what begins one (▁, Ġ); where nothing is marked, every
    token is a word.
    """
    known = Tokenizer.from_str(tokenizer)
    written = [known.id_to_token(token) or "" for token in range(vocabulary)]
    content = json.loads(tokenizer)
    model = content["model"]
    whole = model["type"] == "WordLevel"
    spaced = not (whole and content["pre_tokenizer"]["type"] == "Split")  # into characters, spaces among them
    if model["type"] == "WordPiece":
        inner = model["continuing_subword_prefix"]
        begins = [not token.startswith(inner) for token in written]
        texts = [token.removeprefix(inner) for token in written]
    elif whole:
        begins, texts = [True] * vocabulary, written
    else:
        mark = max(START_MARKS, key=lambda mark: sum(token.startswith(mark) for token in written))
        special = {token.content for token in known.get_added_tokens_decoder().values()}
        begins = [token.startswith(mark) or token in special for token in written]
        plain = [token.removeprefix(mark) for token in written]
        of_bytes = decoders.ByteLevel()
        texts = [of_bytes.decode([token]) for token in plain] if mark == "Ġ" else plain
    return Pieces(texts, begins, [bool(text) and set(text) <= SENTENCE_ENDS for text in texts], spaced)


@cache
def frame(tokenizer: str) -> Frame:
    """Return what a tokenizer, given as JSON, puts around two texts."""
    known = Tokenizer.from_str(tokenizer)
    known.no_truncation()
    pair = known.encode("a", "b")
    sides: list[int | None] = list(pair.sequence_ids)
    first, second = sides.index(0), sides.index(1)
    last = len(sides) - sides[::-1].index(1)
    middle = [token for token, side in zip(pair.ids[first:second], sides[first:second], strict=True) if side is None]
    return Frame(pair.ids[:first], middle, pair.ids[last:])
