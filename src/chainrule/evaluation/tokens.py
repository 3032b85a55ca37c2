"""Texts as a tokenizer cuts them: which tokens, how many bytes each stands for, where in the text each is."""

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
from tokenizers import Tokenizer

BLANK = "▁"
"""How SentencePiece writes a blank."""


@cache
def byte_lengths(tokenizer: str) -> tuple[int, ...]:
    """Return how many bytes of UTF-8 each token of a tokenizer, given as JSON, stands for, by id.

    Special tokens stand for none, nor does the unknown one: which character it was, it does not say.
    """
    known = Tokenizer.from_str(tokenizer)
    written = json.loads(tokenizer)
    special = {number for number, token in known.get_added_tokens_decoder().items() if token.special}
    of_bytes = "ByteLevel" in {each for part in ("decoder", "pre_tokenizer") for each in _kinds(written.get(part))}
    found = [0] * known.get_vocab_size()
    unknown = written["model"].get("unk_token")
    for token, number in known.get_vocab().items():
        if number not in special and token != unknown and number < len(found):
            found[number] = len(token) if of_bytes else _bytes(token)
    return tuple(found)


def _kinds(part: object) -> list[str]:
    """Return the types of a part of a tokenizer, those within a sequence too."""
    if not isinstance(part, dict):
        return []
    inner = part.get("decoders") or part.get("pretokenizers") or []
    return [str(part.get("type")), *(kind for each in inner for kind in _kinds(each))]


def _bytes(token: str) -> int:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return 1  # a byte that no piece has, as SentencePiece writes it
    return len(token.replace(BLANK, " ").encode("utf-8", "surrogatepass"))


def encoded(texts: Sequence[str], tokenizer: str) -> list[np.ndarray]:
    """Return the ids of each text, int64 [tokens], as a model gets them: with the marks of its ends, and cut."""
    known = Tokenizer.from_str(tokenizer)
    return [np.array(each.ids, np.int64) for each in known.encode_batch_fast(list(texts))]


def places(text: str, tokenizer: str) -> list[tuple[int, int]]:
    """Return where in a text each of its tokens is, as [start, end) in characters; (0, 0) of the marks of its ends."""
    return [(int(start), int(end)) for start, end in Tokenizer.from_str(tokenizer).encode(text).offsets]


def unknown_id(tokenizer: str) -> int | None:
    """Return the id that a tokenizer, given as JSON, has for what it does not know; None where it knows everything."""
    unknown = json.loads(tokenizer)["model"].get("unk_token")
    return None if unknown is None else Tokenizer.from_str(tokenizer).token_to_id(unknown)


@cache
def are_words(tokenizer: str) -> tuple[bool, ...]:
    """Return of each token of a tokenizer, given as JSON, by id, whether it has a letter or a digit.

    Marks of the ends of texts and the unknown token have none.
    """
    known = Tokenizer.from_str(tokenizer)
    lengths = byte_lengths(tokenizer)
    return tuple(bool(length) and any(map(str.isalnum, known.decode([token]))) for token, length in enumerate(lengths))
