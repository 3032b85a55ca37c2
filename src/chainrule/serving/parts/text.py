"""A text as a part of a request: in, the same text as cleaning would have it in a row; and several as token ids."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.fields import text as field
from chainrule.fields import windows
from chainrule.fields.reject import Reject
from chainrule.serving.limits import Limits
from chainrule.serving.parts.files import columns, of_file, shown
from chainrule.system.errors import DataError, TooLargeError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = [
    "WORDS", "clean", "columns", "encoded", "examples", "left_out", "of_cells", "of_file", "of_json", "pair", "prepare",
    "schema", "shown",
]  # fmt: skip

WORDS = "a text"
# Stripping markup looks for the end of every comment and script that opens, to the end of the text: so many
# characters take less than a tenth of a second. What may become a "<" counts: entities are unescaped, tags removed.
_MARKS = (b"<", b"&", b";")
_MOST_LOOKED_AT = 20_000_000


def of_json(value: object) -> str:
    """Return the text that JSON holds. Raises DataError, with what it must be, for anything else."""
    if not isinstance(value, str):
        raise DataError("a text")
    return value


def of_cells(cells: Mapping[str, Any], folder: Path, limits: Limits) -> str:
    """Return the text in the cell of a row. Raises DataError where a cell holds anything else."""
    (cell,) = cells.values()
    if not isinstance(cell, str):
        raise DataError(f"{next(iter(cells))} is not a text")
    return cell


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, as `encoded`, for a text. Raises DataError for what no row could be."""
    ((name, part),) = parts.items()
    rules, asked = signature["preprocessing"][name], [tensor["name"] for tensor in signature["inputs"]]
    return encoded(clean(part, rules, limits), None, tokenizer, asked, rules)


def pair(
    names: tuple[str, str],
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, as `encoded`, for two texts by their fields' names, which a DataError says."""
    rules, asked = signature["preprocessing"], [tensor["name"] for tensor in signature["inputs"]]
    first, second = (_named(name, parts, rules, limits) for name in names)
    return encoded(first, second, tokenizer, asked, rules[names[1]])


def _named(name: str, parts: Mapping[str, bytes | str], rules: Mapping[str, Any], limits: Limits) -> str:
    try:
        return clean(parts[name], rules[name], limits)
    except DataError as error:  # which of the two it is about, it cannot know
        raise type(error)(f"{name}: {error}") from error


def clean(part: bytes | str, rules: Mapping[str, Any], limits: Limits) -> str:
    """Return a text as cleaning makes the rows.

    rules: the field's `preprocessing` in the signature; limits: how many characters it may have as it comes, checked
    before any work. What is longer than the rows were is cut, or refused, as they were. Raises DataError for a text
    that no row could be.
    """
    raw = _bytes(part, limits.characters)
    normalise = rules["normalise"]
    if normalise["strip_html"]:
        _refuse_tangle(raw)
    try:
        found, _ = field.normalise(raw, **normalise)
    except Reject as reject:
        raise DataError(_sentence(reject)) from reject
    return found


def encoded(
    text: str,
    pair: str | None,
    tokenizer: "Tokenizer | None",
    names: Iterable[str],
    rules: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, np.ndarray]:
    """Return the inputs `names` of a graph, int64 [1, T] each, of one text or of a pair.

    rules: the field's `preprocessing` in the signature; with `windows` the inputs are int64 [1, W, T], `places`
    [1, W, T, 4] and `characters` [1, C] of the text, or of the second of the pair (see `fields.windows`). Nothing is
    padded but the windows of one text: the batch that it becomes part of decides how far. Raises DataError without a
    tokenizer.
    """
    if tokenizer is None:
        raise DataError("this model has no tokenizer in its bundle and takes token ids only; export it again")
    if rules.get("windows"):
        (folded,) = windows.fold(tokenizer, [text] if pair is None else [(text, pair)], rules)
        arrays = windows.arrays(folded, rules["pad_id"])
        return {name: arrays[name] for name in names}
    found = tokenizer.encode(text, pair)
    made = {"input_ids": found.ids, "attention_mask": [1] * len(found.ids), "token_type_ids": found.type_ids}
    return {name: np.array([made[name]], np.int64) for name in names}


def left_out(
    parts: Mapping[str, bytes | str],
    rules: Mapping[str, Any],
    inputs: Mapping[str, np.ndarray],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> list[str]:
    """Return what of long texts is not read, a line each.

    parts: the texts of an item by field, in order; rules: `preprocessing` by field; inputs: the graph's, made of them.
    Only texts that fill what there is are looked at again.
    """
    found = []
    for name, part in parts.items():
        normalise = rules[name]["normalise"]
        most = normalise["max_characters"]
        if len(part) > most and "cut" in field.normalise(_bytes(part, limits.characters), **normalise)[1]:
            found.append(f"{name}: of so long a text the first {most:,} characters are read")
    ids, (*before, last) = inputs.get("input_ids"), parts
    own = rules[last]
    if ids is None or tokenizer is None or "max_length" not in own:
        return found
    if not own.get("windows"):
        if ids.shape[1] >= own["max_length"] and _encoded(parts, rules, tokenizer, limits).overflowing:
            most = f"{own['max_length']:,} tokens"
            found.append(f"{' and '.join(parts)}: longer than the {most} that are read; the rest is left out")
        return found
    room = own["max_length"] // 2 - tokenizer.num_special_tokens_to_add(is_pair=True)
    for name in before:
        if len(_bytes(parts[name], limits.characters)) > room:  # a token is of a byte or more
            tokens = len(tokenizer.encode(clean(parts[name], rules[name], limits), add_special_tokens=False).ids)
            found += [f"{name}: longer than the {room:,} tokens that are read of it"] if tokens > room else []
    if ids.shape[1] >= own["windows"]["most"]:
        row: Any = tuple(clean(part, rules[name], limits) for name, part in parts.items())
        (folded,) = windows.fold(tokenizer, [row if before else row[0]], own)
        most = f"{own['windows']['most']:,} windows"
        found += [f"{last}: longer than the {most} that are read; the rest is left out"] if folded.cut else []
    return found


def _encoded(
    parts: Mapping[str, bytes | str], rules: Mapping[str, Any], tokenizer: "Tokenizer", limits: Limits
) -> "Encoding":
    """Return the tokens of a text or of a pair as they are cut."""
    texts = [clean(part, rules[name], limits) for name, part in parts.items()]
    return tokenizer.encode(texts[0], texts[1] if len(texts) > 1 else None)


def schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a part."""
    return {"type": "string", "description": "a text"}


def examples(rules: Mapping[str, Any]) -> Iterator[str]:
    """Return a text that is taken."""
    yield "a text"


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
