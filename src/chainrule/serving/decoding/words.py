"""Tokens as text: whole, or piece by piece as they are made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNFINISHED = "\ufffd"


def text(tokenizer: "Tokenizer", tokens: Sequence[int]) -> str:
    """Return the text of tokens, without those that are no text, such as an end."""
    return str(tokenizer.decode(list(tokens), skip_special_tokens=True))


class Pieces:
    """The text of tokens that come one by one. A character whose bytes are not all there waits for them."""

    def __init__(self, tokenizer: "Tokenizer", before: Sequence[int] = ()) -> None:
        """before: tokens that they follow, which decide whether a blank stands between."""
        self._tokenizer = tokenizer
        self._tokens = list(before[-8:])
        self._from, self._told = 0, len(self._tokens)

    def add(self, token: int) -> str:
        """Return the text that this token makes certain."""
        self._tokens.append(token)
        return self._piece(last=False)

    def rest(self) -> str:
        """Return what was held back: there will be no more tokens."""
        return self._piece(last=True)

    def _piece(self, last: bool) -> str:
        told = text(self._tokenizer, self._tokens[self._from : self._told])
        whole = text(self._tokenizer, self._tokens[self._from :])
        if len(whole) <= len(told) or (whole.endswith(_UNFINISHED) and not last):
            return ""
        # What a decoder does to the first of its tokens, such as to take a blank away, it does to the same one again.
        self._from, self._told = max(0, self._told - 1), len(self._tokens)
        return whole[len(told) :]


def codes(texts: Sequence[str]) -> np.ndarray:
    """Return texts as code points, int32 [N, L], zeros behind each."""
    found = np.zeros((len(texts), max(map(len, texts), default=0)), np.int32)
    for row, each in zip(found, texts, strict=True):
        row[: len(each)] = np.frombuffer(each.encode("utf-32-le", "surrogatepass"), np.int32)
    return found


def texts(found: np.ndarray) -> list[str]:
    """Return the texts of code points, int [N, L]."""
    return ["".join(map(chr, row[row > 0].tolist())) for row in np.asarray(found)]
