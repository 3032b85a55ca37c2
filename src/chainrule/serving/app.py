"""The ASGI application: who may ask, the inference route, and behind it FastAPI for everything else.

Inference is answered here and not by FastAPI, whose machinery of dependencies would cost more than the rest of it.
"""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import orjson

from chainrule.serving import body, explaining, given, plain, protocol, routes, security, streaming
from chainrule.serving.batching import Answer
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.context import Context
from chainrule.serving.decoding import words
from chainrule.serving.errors import Refusal
from chainrule.serving.exchange import Exchange
from chainrule.serving.logs import request_id

Headers = Mapping[bytes, bytes]
App = Any
"""An ASGI application."""

_PREFIX, _SUFFIX = "/v2/models/", "/infer"
LARGE = 1024 * 1024  # bytes of a body that are decoded in a thread: a hop that a small one need not pay
# Headers that say who asks for what, and how the body is to be read.
_ONCE = {
    b"authorization", b"content-encoding", b"content-type", b"host", b"inference-header-content-length", b"origin",
    b"transfer-encoding",
}  # fmt: skip
_GONE = 499  # as nginx: the client went away, no status was sent
_log = logging.getLogger(__name__)


def create_app(context: Context) -> App:
    """Return the application."""
    others = routes.create(context)
    is_open = security.OPEN | set(routes.page_files())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = _Request(scope, receive, send, body.Share(context.bodies))
        try:
            request.refuse_ambiguous()
            security.check(context.settings, request.path in is_open, request.headers)
            target = infer_target(request.path)
            if target is None:
                await _other(others, request)
            elif scope["method"] == "POST":
                await _infer(context, request, *target)
            else:
                raise Refusal(405, f"{scope['method']}: inference takes POST", "method")
        except Refusal as refusal:
            await _refuse(context, request, refusal)
        except body.Disconnected:
            request.status = _GONE
        except asyncio.CancelledError:
            if not request.exchange.gone:
                raise
            request.status = _GONE
        except Exception:
            _log.exception("request %s failed", request.id.decode())
            if request.status:
                _count(context, request)
                raise  # an answer was begun: unless it is out, the connection ends
            await _refuse(context, request, Refusal(500, routes.FAILED, "internal"))
        finally:
            request.share.give_back(request.share.held)
        _count(context, request)

    return app


def infer_target(path: str) -> tuple[str, str | None] | None:
    """Return the model and the version that an inference path names; None for any other path."""
    if not path.startswith(_PREFIX) or not path.endswith(_SUFFIX):
        return None
    name, slash, rest = path[len(_PREFIX) : -len(_SUFFIX)].partition("/")
    if not slash:
        return (name, None) if name else None
    word, _, version = rest.partition("/")
    return (name, version) if word == "versions" and version and "/" not in version else None


class _Request:
    """A request in hand, and what is to be said of it in log and metrics."""

    __slots__ = (
        "began", "exchange", "fields", "headers", "id", "model", "path", "receive", "route", "scope", "send", "share",
        "status",
    )  # fmt: skip

    def __init__(self, scope: Any, receive: Any, send: Any, share: body.Share) -> None:
        self.began = perf_counter()
        self.scope = scope
        self.receive = receive
        self.send = send
        self.share = share
        self.exchange: Exchange = scope["state"][EXCHANGE]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = request_id(self.headers.get(b"x-request-id"))
        self.route = "other"
        self.model = ""
        self.status = 0
        self.fields: dict[str, Any] = {}

    def refuse_ambiguous(self) -> None:
        """Raise Refusal (400) if a header that decides something is there twice: which of them holds is not known."""
        given = self.scope["headers"]
        if len(given) == len(self.headers):
            return
        for name, count in Counter(name for name, _ in given).items():
            if count > 1 and name in _ONCE:
                raise Refusal(400, f"the header {name.decode()} is given {count} times", "header")

    async def answer(self, status: int, head: bytes, content: bytes) -> None:
        """Send a whole answer; head: lines of headers."""
        self.status = status
        await self.exchange.answer(status, b"%bx-request-id: %b\r\n" % (head, self.id), content)


async def _infer(context: Context, request: _Request, name: str, version: str | None) -> None:
    request.route = "infer"
    limits = context.settings.limits
    content = await body.read(request.receive, request.headers, limits, request.share)
    request.exchange.may_end = True
    start = perf_counter()
    model = context.models.get(name, version)
    request.model = name
    bundle = model.bundle
    length = header_length(request.headers)
    if b"charset" in request.headers.get(b"content-type", b""):
        _refuse_charset(request.headers[b"content-type"])
    if len(content) <= LARGE:
        asked = protocol.decode(content, length, bundle.inputs, bundle.outputs, limits, model.asked)
    else:
        with model:  # it stays for as long; the request is in its queue before anything else happens
            loop = asyncio.get_running_loop()
            asked = await loop.run_in_executor(
                context.decoder, protocol.decode, content, length, bundle.inputs, bundle.outputs, limits, model.asked
            )
    way = explaining.method(asked.explain)
    inputs, notes = asked.inputs, list[str]()
    if asked.by_field:
        with model:
            make = functools.partial(plain.prepared, bundle, asked.inputs, limits)
            inputs, notes = await context.preparer.run(make, quick=plain.quick(bundle, len(content)))
    decoded = perf_counter()
    settings = None
    if model.writing is not None:
        if way is not None:
            raise Refusal(400, f"the texts of {name} are not explained", "parameter")
        settings = streaming.read(model, streaming.parted(asked.parameters)[1]).settings
    answer = await model.infer(inputs, alone=request.exchange.is_alone(), settings=settings)
    answered = perf_counter()
    outputs = [(wanted, _of_answer(answer, wanted)) for wanted in asked.outputs]
    said = {"notes": "\n".join(notes)} if notes else {}
    if way is not None:
        items = plain.one(bundle, asked.inputs, 0, limits) if asked.by_field else {}
        with model:
            explanation = await context.explainer.explain(model, way, items, inputs, answer.outputs)
        said["explanation"] = orjson.dumps(explanation).decode()
    explained = perf_counter()
    length, content = protocol.encode(name, answer.version, asked.id, outputs, said)
    kind = _JSON if length is None else _BINARY % length
    ended = perf_counter()
    await request.answer(200, _about(answer.version, model.variant, model.provider, model.device) + kind, content)
    context.metrics.of(name, answer.version).answered(
        decoded - start, answer.queued, answer.computed, ended - explained, answered - start + ended - explained
    )
    request.fields = {"version": answer.version, "batch": answer.batch}


def _of_answer(answer: Answer, wanted: protocol.Wanted) -> np.ndarray:
    """Return an output; texts, which are code points, as BYTES."""
    found = answer.outputs[wanted.tensor.name]
    if wanted.tensor.datatype == "BYTES" and found.dtype != object:
        return np.array([*words.texts(found), ""], object)[:-1]  # of one text NumPy would make characters
    return found


_JSON = b"content-type: application/json\r\n"
_BINARY = b"content-type: application/octet-stream\r\ninference-header-content-length: %d\r\n"


@functools.lru_cache(maxsize=64)
def _about(version: str, variant: str, provider: str, device: str) -> bytes:
    said = {"version": version, "variant": variant, "provider": provider, "device": device}
    named = [(b"x-chainrule-" + key.encode(), value.encode()) for key, value in said.items()]
    return _lines([*named, security.NOSNIFF])


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


def header_length(headers: Headers) -> int | None:
    """Return the bytes of JSON before binary data, as the header says; None without one. Raises Refusal."""
    value = headers.get(b"inference-header-content-length")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12:
        raise Refusal(400, "Inference-Header-Content-Length must be a number of bytes", "header")
    return int(value)


def _refuse_charset(content_type: bytes) -> None:
    """Raise Refusal (415) for JSON in another charset than UTF-8, which is the only one that JSON may be in."""
    charset = given.charset_of(content_type.decode("latin-1"))
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal(415, f"the charset {charset!r:.60} is not that of JSON; send UTF-8", "charset")


async def _other(others: App, request: _Request) -> None:
    """Let FastAPI answer; its responses get the same headers as all others."""

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            request.status = message["status"]
            named = {name for name, _ in message["headers"]}
            extra = [pair for pair in security.HEADERS if pair[0] not in named]
            message = {**message, "headers": [*message["headers"], (b"x-request-id", request.id), *extra]}
        await request.send(message)

    state = request.scope["state"]
    state["share"] = request.share
    # HEAD is GET whose content is not sent: the exchange leaves it out.
    scope = request.scope | ({"method": "GET"} if request.scope["method"] == "HEAD" else {})
    await others(scope, request.receive, send)
    request.model = state.get("model", "")
    request.fields = state.get("fields", {})
    request.route = getattr(scope.get("route"), "path", "other")


async def _refuse(context: Context, request: _Request, refusal: Refusal) -> None:
    context.metrics.failures[request.model, refusal.reason] += 1
    request.fields = {"reason": refusal.reason, "error": refusal.message}
    head = _lines(routes.refusal_headers(refusal))
    await request.answer(refusal.status, head, orjson.dumps({"error": refusal.message}))


def _count(context: Context, request: _Request) -> None:
    context.metrics.requests[request.route, request.model, request.status] += 1
    context.log.gather(
        {
            "level": "error" if request.status == 500 else "info",
            "message": "request",
            "id": request.id.decode(),
            "method": request.scope["method"],
            "path": request.path[:200],
            "status": request.status,
            "seconds": round(perf_counter() - request.began, 6),
            "model": request.model,
            **request.fields,
        }
    )
