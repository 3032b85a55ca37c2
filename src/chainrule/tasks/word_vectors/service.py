"""Words have neighbours, the face for serving: a word, a sum of words or a text in, the graph's inputs; its outputs in,
the words that are near.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation import neighbours
from chainrule.serving.answers.neighbours import answer, check, schema
from chainrule.serving.parts import text
from chainrule.system.errors import DataError, ParamsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chainrule.serving.limits import Limits

__all__ = ["answer", "check", "prepare", "schema"]

SHOWN = 60
"""Characters of a word that a message repeats."""


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: "Limits",
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, int64 [1, T] each.

    A word, or a sum such as "king - man + woman", is taken as it is; anything else is a text, the sum of its words.
    Raises DataError for a word without a vector, a text without any word that has one, and one that no row could be.
    """
    clean = text.clean(parts["text"], signature["preprocessing"]["text"], limits)
    names = [tensor["name"] for tensor in signature["inputs"]]
    found = text.encoded(clean, None, tokenizer, names)
    assert tokenizer is not None  # `encoded` asks for it
    words = signature["target"]["words"]
    try:
        asked = neighbours.terms(clean)
    except ParamsError:  # no sum: a text
        if not any(words[token] for token in found["input_ids"][0]):
            raise DataError(f"none of the words of this text is among the {_known(words)} that have a vector") from None
        return found
    added, taken = (
        [_token(word, words, tokenizer) for own, word in asked if own == sign] for sign in neighbours.SIGNS.values()
    )
    ids = np.array([[*added, signature["target"]["end"], *taken]], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def _token(word: str, words: list[str], tokenizer: "Tokenizer") -> int:
    """Return the token of a word. Raises DataError where no token is that word."""
    ids = tokenizer.encode(word, add_special_tokens=False).ids
    if len(ids) != 1 or words[ids[0]] != word:
        raise DataError(f"no vector of {word[:SHOWN]!r}: it is none of the {_known(words)} words that have one")
    return int(ids[0])


def _known(words: list[str]) -> str:
    return f"{sum(map(bool, words)):,}"
