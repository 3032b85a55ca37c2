"""One connection: HTTP/1.1, parsed by llhttp, within bounds on how slow a client may be, how large a head, and how many
requests may wait. No server of ASGI lets its user set all of these.
"""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httptools
import orjson

from chainrule.serving.errors import Refusal
from chainrule.serving.exchange import STATUS_LINES, Exchange
from chainrule.serving.limits import Limits

HEAD_BYTES = 64 * 1024
BODY_AHEAD = 64 * 1024  # bytes of a body that are read before the application asks for them
PIPELINED = 32  # requests that may wait behind the one being answered; each takes some kilobytes
KEEP_ALIVE_SECONDS = 75
LINGER_SECONDS = 1.0  # how long a client may go on sending to what has refused it
EXCHANGE = "exchange"
"""Where a request's state has its Exchange."""
Scope = dict[str, Any]


@dataclass
class Shared:
    """What all connections of a server have in common."""

    app: Any
    """The ASGI application that answers."""
    limits: Limits
    connections: "set[Connection]" = field(default_factory=set)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    """Of requests that are being answered."""
    answered: int = 0
    """Requests so far."""
    date: bytes = b""
    """The line of an answer's head that says what time it is."""
    latest: tuple[str, int] | None = None
    """The client that asked last, on whatever connection."""


class Connection(asyncio.Protocol):
    """Requests of one client, answered one after the other; the server calls `end_if_slow` once a second."""

    transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.loop = asyncio.get_running_loop()
        self.client: tuple[str, int] | None = None
        self.pipeline: deque[tuple[Exchange, Scope]] = deque()
        """Requests that wait for an answer to those before."""
        self._server: tuple[str, int] | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._running: Exchange | None = None  # the request that was given to the application last
        self._newest: Exchange | None = None  # the one whose head came last
        self._task: asyncio.Task[None] | None = None
        # When the request that is not here in full began, or the connection; infinity between requests.
        self._since = self.loop.time()
        self._idle = math.inf  # when the client was first seen to ask for nothing
        # Bytes of answers that the client has not taken, and when that last changed.
        self._unread, self._took = 0, math.inf
        self._in_head = True
        self._overhead = 0  # bytes since the last of a body, or since the request before
        self._moved = False  # whether some of a body came, or a request's end, within the bytes that came last
        self._came = 0  # bytes that came last
        self._is_last = False  # whether no request follows
        self._paused = False
        self._room: asyncio.Future[None] | None = None  # to write more; none while there is
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False

    # ---- asyncio's calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse a connection too many."""
        self.transport = transport
        self.client, self._server = (_address(transport, name) for name in ("peername", "sockname"))
        self.shared.connections.add(self)
        if len(self.shared.connections) > self.shared.limits.connections:
            self._end(503, "too many connections; ask again in 1 s", b"retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why is all the same
        """Tell the request in hand, and end it if it may be ended."""
        self.shared.connections.discard(self)
        self.resume_writing()
        running, task = self._running, self._task
        # What knows each other stays until the collector comes by.
        self._parser = self._running = self._newest = self._task = None
        self.pipeline.clear()
        if running is None or task is None or running.answered:
            return
        running.leave()
        if running.may_end:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._is_last:
            return
        self._moved, self._came = False, len(data)
        while data:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]  # nothing but HTTP/1.1 is spoken here, which is a server's to say
            except httptools.HttpParserError as error:
                self._stop(error)
                return
        if not self._moved:  # how many of these bytes are of the next head is not known otherwise
            self._overhead += self._came
            if self._overhead > HEAD_BYTES:
                self._end(431, _HEAD)

    def pause_writing(self) -> None:
        """Have answers wait until the client has taken those before."""
        self._room = self._room or self.loop.create_future()

    def resume_writing(self) -> None:
        """Let answers be written."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # ---- the parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._is_last or len(self.pipeline) >= PIPELINED:
            raise Refusal(400, f"at most {PIPELINED} requests may wait on one connection", "pipeline")
        self._since, self._idle = self.loop.time(), math.inf
        self._overhead = 0
        self._in_head = True
        self._url = b""
        self._headers = []
        self._expects = False

    def on_url(self, url: bytes) -> None:
        """Add what came of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; those behind a body are dropped, for they have passed no check of a proxy's."""
        if not self._in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Give the request to the application, or let it wait behind others."""
        self._in_head = False
        if self._came > HEAD_BYTES and sum(len(name) + len(value) for name, value in self._headers) > HEAD_BYTES:
            raise Refusal(431, _HEAD, "head")
        if self._parser.should_upgrade() and _has_body(self._headers):
            # The parser takes such a body for another protocol's, and what follows it for a request.
            raise Refusal(400, "HTTP/1.1 is spoken here; send a body without Upgrade", "upgrade")
        version, method = self._parser.get_http_version(), self._parser.get_method().decode()
        exchange = Exchange(self, method, version != "1.0" and self._parser.should_keep_alive(), self._expects)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": method,
            "scheme": "http",
            **_target(self._url),
            "root_path": "",
            "headers": self._headers,
            "client": self.client,
            "server": self._server,
            "state": {EXCHANGE: exchange},
        }
        self._newest = exchange
        if self._running is None or self._running.answered:
            self._start(exchange, scope)
        else:
            self.pipeline.append((exchange, scope))
            self.pace(0)

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body over."""
        assert self._newest is not None
        self._moved, self._overhead = True, 0
        waiting = self._newest.take(body)
        if waiting > BODY_AHEAD:
            self.pace(waiting)

    def on_message_complete(self) -> None:
        """All of the request is here."""
        assert self._newest is not None
        self._since = math.inf
        self._moved = True
        self._is_last = not self._newest.keep_alive
        self._newest.end()

    # ---- the exchange's calls

    def pace(self, waiting: int) -> None:
        """Read on, or not while requests wait or bytes of a body do: what is not read, the client has to keep."""
        paused = bool(self.pipeline) or waiting > BODY_AHEAD
        if paused == self._paused or self.transport.is_closing():
            return
        self._paused = paused
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    async def room(self) -> None:
        """Wait until an answer may be written."""
        while self._room is not None:
            await self._room

    def next(self, keep_alive: bool) -> None:
        """Go on with the next request after an answer, or close."""
        self.shared.answered += 1
        if not keep_alive:
            if self._running is None or self._running.whole:
                self.transport.close()
            else:
                self._leave()
        elif not self.transport.is_closing():
            if self.pipeline:
                self._start(*self.pipeline.popleft())
            self.pace(0)  # also where an answer came before the body was taken

    # ---- the server's calls

    def end_if_slow(self, now: float) -> None:
        """Close if the request has been coming for too long, or no answer is read; now: the event loop's time."""
        seconds = self.shared.limits.body_seconds
        unread = self.transport.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._took = unread, now
        elif now - self._took > seconds:
            self.transport.abort()  # to close would wait for the client
            return
        if self._waits() and self._since < now:
            self._since = now
        if self.transport.is_closing():
            return
        if self._since == math.inf and self._rests():
            self._idle = min(self._idle, now)
            if now - self._idle > KEEP_ALIVE_SECONDS:
                self.transport.close()
        if now - self._since <= seconds:
            return
        if self._in_head or self._newest is None or self._newest.answered:
            self.transport.close()
        else:
            self._end(408, f"the request did not come within {seconds:g} s")

    def finish(self) -> None:
        """Take no more requests; close when those that are here are answered."""
        if self._newest is None or self._newest.answered:
            self.transport.close()
        else:
            self._newest.keep_alive = False
            self._is_last = self._newest.whole

    # ----

    def _start(self, exchange: Exchange, scope: Scope) -> None:
        shared = self.shared
        exchange.waited = shared.latest is not self.client
        shared.latest = self.client
        self._running = exchange
        self._task = task = self.loop.create_task(exchange.run(shared.app, scope))
        shared.tasks.add(task)
        task.add_done_callback(shared.tasks.discard)

    def _rests(self) -> bool:
        return self._running is None or self._running.answered

    def _waits(self) -> bool:
        """Whether the request that is coming is behind one that has no answer yet: it may not even be read."""
        return not self._rests() and (self._in_head or self._newest is not self._running)

    def _stop(self, error: httptools.HttpParserError) -> None:
        """Refuse what is no HTTP, or what a call above refused."""
        if self._is_last:
            return  # it follows a request that was said to be the last
        cause = error.__context__
        if isinstance(cause, Refusal):
            self._end(cause.status, cause.message)
        elif isinstance(error, httptools.HttpParserCallbackError):
            raise error
        else:
            self._end(400, "Invalid HTTP request received.")

    def _end(self, status: int, message: str, headers: bytes = b"") -> None:
        content = orjson.dumps({"error": message})
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(content)
        self._is_last = True
        self.transport.write(b"".join((STATUS_LINES[status], head, headers, b"\r\n", content)))
        if status == 503:
            self.transport.close()
        else:
            self._leave()

    def _leave(self) -> None:
        """Close once the client does, or soon: closed while bytes lie unread, the answer might be reset on its way."""
        writing = self._running is not None and not self._running.answered  # it would write behind the end
        if writing or self.transport.is_closing() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self._is_last = True  # what still comes is dropped
        self.transport.write_eof()
        self.transport.resume_reading()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


_HEAD = f"the head of a request may have {HEAD_BYTES:,} bytes"


def _target(url: bytes) -> Scope:
    """Return what a request's target says. Raises Refusal (400) if it is none."""
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
        raise Refusal(400, "Invalid HTTP request received.", "target") from None
    return {
        "path": unquote(path) if "%" in path else path,
        "raw_path": parsed.path,
        "query_string": parsed.query or b"",
    }


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ")) for name, value in headers
    )


def _address(transport: asyncio.Transport, name: str) -> tuple[str, int] | None:
    """Return the address of one end of a connection; None where it has no port."""
    found = transport.get_extra_info(name)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
