"""The JSON of a request, parsed within bounds: as much work as its size lets one expect, and every name said once."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits

# Arrays and objects take some 60 bytes each where their text takes 3: a body is not parsed if it is mostly these.
_BRACKETS = 400_000
_PIECE = 256 * 1024  # bytes that are looked at in one step: other threads run in between
_QUOTE, _OPENING, _CLOSING, _COLON = b'"{}:'
_NO_NUMBER = re.compile(rb'(?:"([^"\\]{1,100})"\s{0,8}:\s{0,8}|[\[,]\s{0,8})-?(NaN|Infinity)\b')
# The bit between [ and {, and between ] and }; it makes a quote of 0x02 and a colon of 0x1a, which JSON cannot have.
_FOLD = np.uint8(ord("{") - ord("["))


def parse(body: bytes, limits: Limits) -> dict[str, Any]:
    """Return the JSON object in `body`.

    Raises Refusal if it is none, too deep, mostly brackets, or has a name twice in one object.
    """
    if _may_be_deeper(body, limits.json_depth):
        _refuse_brackets(body, limits)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _refusal(f"the body is not valid JSON: {error}{_no_number(body)}", "json") from None
    if type(content) is not dict:
        raise _refusal("the body must be a JSON object", "json")
    if _has_more_colons(body, _usual_names(content)):
        _refuse_repeated(body, content)
    return content


def _no_number(body: bytes) -> str:
    """Return what to do about a NaN or an infinity, which many programs write as JSON; "" if none is in a body."""
    found = _NO_NUMBER.search(body)
    if found is None:
        return ""
    where = f" as {found[1].decode('utf-8', 'replace')!r}" if found[1] else ""
    return f"; {found[2].decode()}{where} is no JSON: send null where a number is not known"


def _may_be_deeper(body: bytes, depth: int) -> bool:
    """Whether JSON has so many brackets that it may be nested deeper; by searches only, for most has a few."""
    left = depth
    for bracket in (b"[", b"{"):
        at = body.find(bracket)
        while at >= 0:
            if left == 0:
                return True
            left -= 1
            at = body.find(bracket, at + 1)
    return False


def _refuse_brackets(body: bytes, limits: Limits) -> None:
    """Raise Refusal if JSON is nested too deep, or has too many arrays and objects; brackets in texts do not count."""
    brackets = depth = 0
    for opening in _outside_texts(body, (_OPENING, _CLOSING)):
        depths = depth + np.cumsum(np.where(opening == _OPENING, 1, -1))
        if depths.max() > limits.json_depth:
            raise _refusal("the JSON is nested too deep", "json_depth")
        depth = int(depths[-1])
        brackets += len(opening)
        if brackets > _BRACKETS:
            raise Refusal(413, "too many arrays and objects in the JSON; send data flat or as binary", "too_large")


def _refuse_repeated(body: bytes, content: dict[str, Any]) -> None:
    """Raise Refusal if an object of JSON has a name twice, of which only the last is in `content`."""
    colons = sum(len(found) for found in _outside_texts(body, (_COLON,)))
    if colons != _names(content):
        raise _refusal("the JSON has a name twice in one object", "json")


def _has_more_colons(body: bytes, names: int) -> bool:
    """Whether JSON has more colons than names: in a text, in an object not looked into, or after a name said twice."""
    at = -1
    for _ in range(names + 1):  # to find is ten times as fast as to count
        at = body.find(b":", at + 1)
        if at < 0:
            return False
    return True


def _usual_names(content: dict[str, Any]) -> int:
    """Return how many names a request has where the protocol has objects: in tensors and in their parameters."""
    found = len(content)
    for value in content.values():
        for each in value if type(value) is list and value and type(value[0]) is dict else (value,):
            if type(each) is dict:
                found += len(each)
                parameters = each.get("parameters")
                if type(parameters) is dict:
                    found += len(parameters)
    return found


def _names(value: Any) -> int:
    """Return how many names all objects in JSON have."""
    if type(value) is dict:
        return len(value) + sum(map(_names, value.values()))
    if type(value) is list and not {dict, list}.isdisjoint(map(type, value)):
        return sum(map(_names, value))
    return 0


def _outside_texts(body: bytes, marks: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield, piece by piece, those of some signs that stand in no text of JSON, as `_FOLD` makes them one kind."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    codes = np.frombuffer(body, np.uint8)
    texts = 0
    for at in range(0, len(codes), _PIECE):
        folded = codes[at : at + _PIECE] | _FOLD
        chosen = folded == _QUOTE
        for mark in marks:
            chosen |= folded == mark
        found = folded[chosen]
        quotes = found == _QUOTE
        seen = texts + np.cumsum(quotes)
        outside = found[~quotes & (seen % 2 == 0)]
        if len(seen):
            texts = int(seen[-1])
        if len(outside):
            yield outside


def _refusal(message: str, reason: str) -> Refusal:
    return Refusal(400, message, reason)
