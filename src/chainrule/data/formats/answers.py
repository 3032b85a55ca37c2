"""The right answers to a question, as data sets write them: SQuAD's own form, and that of its copies in tables."""

import json
from collections.abc import Mapping
from typing import Any

from chainrule.data.formats.tables import short
from chainrule.data.formats.typed import Found

STARTS = ("answer_start", "start", "starts")
TEXTS = ("text", "texts")


def read(cell: Any) -> Found:
    """Return (a JSON list of {"text", "start"}, problem) of a cell that names answers, (None, None) of an empty one.

    SQuAD: a list of {"text", "answer_start"}. Tables of it: one object with a list of each. Either may be JSON in a
    text. No answer in the list says that the passage holds none.
    """
    given = cell
    if isinstance(cell, str):
        if not cell.strip():
            return None, None
        try:
            given = json.loads(cell)
        except (ValueError, RecursionError):
            return None, f"unreadable_answer: {short(cell)!r} is no JSON of answers with their places"
    if given is None:
        return None, None
    pairs = _pairs(given)
    if pairs is None:
        shown = short(json.dumps(given, ensure_ascii=True, default=str))
        return None, f"unreadable_answer: {shown} has not a text and a whole number, its start, for each answer"
    return json.dumps([{"text": text, "start": start} for text, start in pairs], ensure_ascii=True), None


def _pairs(given: Any) -> list[tuple[str, int]] | None:
    """Return texts with their starts; None of what has another form."""
    if isinstance(given, Mapping):
        texts, starts = (_named(given, names) for names in (TEXTS, STARTS))
        several = isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)
        if not several:
            return _pairs([given]) if isinstance(texts, str) else None
        found = list(zip(texts, starts, strict=True))
    elif isinstance(given, list) and all(isinstance(each, Mapping) for each in given):
        found = [(_named(each, TEXTS), _named(each, STARTS)) for each in given]
    else:
        return None
    good = all(isinstance(text, str) and type(start) is int for text, start in found)
    return found if good else None


def _named(given: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the value of the first of these names that there is."""
    return next((given[name] for name in names if name in given), None)
