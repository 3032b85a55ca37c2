"""One label per text, the face for serving: a text in, the graph's inputs; its output in, probabilities."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.fields import text
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError, TooLargeError
from chainrule.tasks.answers import ranked

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Stripping markup looks for the end of every comment and script that opens, to the end of the text: so many
# characters take less than a tenth of a second. What may become a "<" counts: entities are unescaped, tags removed.
_MARKS = (b"<", b"&", b";")
_MOST_LOOKED_AT = 20_000_000


def prepare(
    content: bytes | str,
    signature: dict[str, Any],
    tokenizer: "Tokenizer | None",
    *,
    pixels: int,
    characters: int,
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, input_ids and attention_mask int64 [1, T], for a text made as cleaning makes the rows.

    Nothing is padded: the batch that the text becomes part of decides how far. characters: the most that a text may
    have as it comes; checked before any work. What is longer than the rows were is cut, or refused, as they were.
    pixels is other tasks'. Raises DataError for a text that no row could be.
    """
    if tokenizer is None:
        raise DataError("this model has no tokenizer in its bundle and takes token ids only; export it again")
    raw = _bytes(content, characters)
    rules = signature["preprocessing"]["normalise"]
    if rules["strip_html"]:
        _refuse_tangle(raw)
    try:
        clean, _ = text.normalise(raw, **rules)
    except Reject as reject:
        raise DataError(_sentence(reject)) from reject
    ids = np.array([tokenizer.encode(clean).ids], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def examples() -> tuple[str, ...]:
    """Return a text that `prepare` takes."""
    return ("a text",)


def answer(outputs: dict[str, np.ndarray], signature: dict[str, Any]) -> list[tuple[str, float]]:
    """Return (label, probability), the likeliest first, of the graph's output for one text."""
    (name,) = (tensor["name"] for tensor in signature["outputs"])
    return ranked(outputs[name], signature["labels"])


def _bytes(content: bytes | str, characters: int) -> bytes:
    """Return the text as bytes, refused when it has more than so many characters; each takes one to four bytes."""
    too_long = f"the text is too long; at most {characters:,} characters are read"
    if isinstance(content, bytes):
        if len(content) > 4 * characters:
            raise TooLargeError(too_long)
        return content
    if len(content) > characters:
        raise TooLargeError(too_long)
    try:
        return content.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the text is not valid Unicode at character {error.start}") from error


def _refuse_tangle(raw: bytes) -> None:
    """Refuse markup made to take long, such as thousands of comments that nothing closes."""
    if len(raw) * sum(raw.count(mark) for mark in _MARKS) > _MOST_LOOKED_AT:
        raise DataError("the text has too much markup in it; send the text alone")


def _sentence(reject: Reject) -> str:
    if reject.reason == "empty_text":
        return f"the text is empty: {reject.detail}"
    if reject.reason in ("too_short", "too_long"):
        return f"the text is {reject.reason.replace('_', ' ')}: {reject.detail}"
    return f"the text cannot be read: {reject.detail}"
