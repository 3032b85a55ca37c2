"""What is measured on texts as the model gets them: through its tokenizer, cut to its longest."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.fields.text import words as words_of

_BLANK = "▁"


def measure(
    rows: Sequence[dict[str, np.ndarray]], tokenizer: Any
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[list[str]]]:
    """Return (numbers by name, float [N]; no vectors; the words of every text) of rows of token ids [1, T]."""
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    unknown = tokenizer.token_to_id("[UNK]")
    names = {number: token for token, number in tokenizer.get_vocab().items()}
    # Where no piece says that a word begins with it, every piece is a word.
    between = "" if any(token.startswith(_BLANK) for token in names.values()) else " "
    words: list[list[str]] = []
    measured = np.empty((len(rows), 5))
    for index, row in enumerate(rows):
        ids = [int(number) for number in row["input_ids"][0]]
        pieces = [names.get(number, "") for number in ids if number not in special]
        text = between.join(pieces).replace(_BLANK, " ")
        found = words_of(text)
        words.append(found)
        letters = sum(len(word) for word in found)
        # Every unknown character is one token; every word that the vocabulary lacks is several.
        measured[index] = (
            len(found),
            letters / max(len(found), 1),
            len(pieces) / max(len(found), 1),
            sum(number == unknown for number in ids) / max(len(ids), 1),
            sum(not letter.isalnum() and letter != " " for letter in text) / max(len(text), 1),
        )
    titles = ("length in words", "letters per word", "pieces per word", "unknown pieces", "punctuation")
    return dict(zip(titles, measured.T, strict=True)), {}, words
