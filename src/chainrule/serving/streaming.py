"""Requests for texts: what they may say beside their input, and answers that come token by token (server-sent events).

Events as https://html.spec.whatwg.org/multipage/server-sent-events.html has them. Of the plain route each `data:` is
{"text": what is new, "tokens": [{"text", "probability", "alternatives"}]}; of beams, which are certain at their end
alone, `event: draft` has the best text so far; the last, `event: end`, is the whole answer, as without a stream.
Of Triton's `generate_stream` each `data:` is what `generate` answers, with what is new alone
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md).
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import orjson
from fastapi import Response

from chainrule.serving import plain
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.decoding import settings, words
from chainrule.serving.decoding.search import Token
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.models import Model
from chainrule.serving.writing import Piece, Text, Written
from chainrule.system.errors import DataError

STREAM, ATTENTION = plain.FLAGS
EVENTS = "text/event-stream"
NAMES = (*settings.NAMES, STREAM, ATTENTION)
_OWN = ("text_input", "parameters", "id")


class Asked(NamedTuple):
    """What a request says of how its text is to be written."""

    settings: settings.Settings
    streams: bool
    attention: bool


def parted(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a request's JSON, and what it says of the text that is to be written."""
    said = {name: value for name, value in content.items() if name in NAMES}
    return {name: value for name, value in content.items() if name not in NAMES}, said


def of_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Return what the parameters of an address say of the text that is to be written."""
    found = {}
    for name in NAMES:
        if name in query:
            try:
                found[name] = orjson.loads(query[name])
            except orjson.JSONDecodeError:
                found[name] = query[name]
    return found


def read(model: Model, said: Mapping[str, Any], accept: str = "") -> Asked:
    """Return how a text is to be written. accept: the header. Raises Refusal (400) that says all that is wrong."""
    writing = model.writing
    if writing is None:
        if said:
            raise Refusal(400, f"{model.name} writes no texts: it has no {', '.join(map(repr, said))}", "parameter")
        raise Refusal(400, f"{model.name} writes no texts", "parameter")
    flags = {name: said[name] for name in (STREAM, ATTENTION) if name in said}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise Refusal(400, f"{name} must be true or false, not {value!r:.40}", "parameter")
    try:
        found = writing.settings({name: value for name, value in said.items() if name not in flags})
    except DataError as error:
        raise Refusal(400, str(error), "parameter") from None
    return Asked(found, flags.get(STREAM, EVENTS in accept.lower()), flags.get(ATTENTION, False))


def about(model: Model, written: Written, asked: Asked) -> dict[str, Any]:
    """Return what is said of how a text was written, beside the answer of its task."""
    assert model.writing is not None
    found = written.found
    said: dict[str, Any] = {"reason": found.reason, "tokens": len(found.tokens)}
    if asked.settings.temperature:
        said["seed"] = asked.settings.seed
    if found.logprobs:
        said["log_probability"] = round(sum(found.logprobs), 4)
    if written.attention is not None:
        tokenizer = model.writing.tokenizer
        source = written.inputs["input_ids"][0][written.inputs["attention_mask"][0].astype(bool)]
        said["attention"] = {
            "from": [words.text(tokenizer, [token]) for token in found.tokens],
            "to": [words.text(tokenizer, [int(token)]) for token in source],
            "weights": [[round(float(each), 4) for each in row] for row in written.attention],
        }
    return {"writing": said}


def tokens(model: Model, found: list[Token]) -> list[dict[str, Any]]:
    """Return tokens as an event has them, with their probabilities."""
    assert model.writing is not None
    tokenizer = model.writing.tokenizer

    def one(token: int, logprob: float) -> dict[str, Any]:
        return {"text": words.text(tokenizer, [token]), "probability": round(math.exp(logprob), 6)}

    return [
        {
            **one(each.id, each.logprob),
            **({"alternatives": [one(*other) for other in each.alternatives]} if each.alternatives else {}),
        }
        for each in found
    ]


class Stream(Response):
    """An answer that comes piece by piece, as events; it ends if the client is too slow to take it."""

    media_type = EVENTS

    def __init__(self, text: Text, events: AsyncIterator[bytes], seconds: float, headers: Mapping[str, str]) -> None:
        """Take the text that is left when the answer ends, and the seconds that all of it may take."""
        super().__init__(headers={**headers, "cache-control": "no-store"})
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._text, self._events, self._seconds = text, events, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 - as ASGI has it
        """Send the answer."""
        try:
            async with asyncio.timeout(self._seconds):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for content in self._events:
                    await send({"type": "http.response.body", "body": content, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            scope["state"][EXCHANGE].drop()
        finally:
            self._text.leave()


async def response(
    text: Text,
    limits: Limits,
    each: Callable[[Piece], Any],
    end: Callable[[Written], tuple[str, Any] | None],
    headers: Mapping[str, str],
) -> Response:
    """Return an answer that comes piece by piece.

    each: the data of a piece, None for none; end: name and data of the last event, None for none. Raises Refusal
    where nothing comes: whoever asked then gets a status that says so.
    """
    try:
        first = await anext(text, None)
    except BaseException:
        text.leave()
        raise

    async def events() -> AsyncIterator[bytes]:
        try:
            piece = first
            while piece is not None:
                if (said := each(piece)) is not None:
                    yield event("draft" if piece.draft else "", said)
                piece = await anext(text, None)
            assert text.written is not None
            if (last := end(text.written)) is not None:
                yield event(*last)
        except Refusal as refusal:
            yield event("error", {"error": refusal.message})

    return Stream(text, events(), limits.write_seconds + limits.body_seconds, headers)


def event(name: str, data: Any) -> bytes:
    """Return one event."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"


def generation(content: Mapping[str, Any]) -> tuple[str, dict[str, Any], str | None]:
    """Return text, settings and id of a request to Triton's generate. Raises Refusal (400)."""
    text, parameters, identifier = content.get("text_input"), content.get("parameters") or {}, content.get("id")
    if not isinstance(text, str):
        raise Refusal(400, "text_input must be a text", "json")
    if not isinstance(parameters, dict):
        raise Refusal(400, "parameters must be an object", "parameters")
    if identifier is not None and not isinstance(identifier, str):
        raise Refusal(400, "id must be a text", "json")
    said = {**{name: value for name, value in content.items() if name not in _OWN}, **parameters}
    return text, said, identifier
