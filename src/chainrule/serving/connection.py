"""One connection: uvicorn's, with bounds on how slow a client may send and read, and how large a head may be."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from chainrule.serving.limits import Limits

HEAD_BYTES = 64 * 1024
PIPELINED = 32  # requests that may wait behind the one being answered; each takes some kilobytes
# Keys of a request's state: it has been read, so it may be ended when its client goes away; its client went away; its
# Exchange.
MAY_END, GONE, EXCHANGE = "may_end", "gone", "exchange"


class Exchange:
    """A request and its answer, for an application that has all of the answer at once."""

    __slots__ = ("_cycle", "is_alone")

    def __init__(self, cycle: RequestResponseCycle, is_alone: Callable[[], bool]) -> None:
        self._cycle = cycle
        self.is_alone = is_alone
        """Whether nobody but this client asks for anything, as far as can be seen."""

    async def answer(self, status: int, head: bytes, content: bytes) -> None:
        """Send the answer: in one piece what ASGI's two messages would. head: lines of headers, each with its end."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        first = b"".join(b"%b: %b\r\n" % pair for pair in cycle.default_headers)
        last = b"" if cycle.keep_alive else b"connection: close\r\n"
        body = b"" if cycle.scope["method"] == "HEAD" else content
        cycle.transport.write(
            b"%b%b%bcontent-length: %d\r\n%b\r\n%b" % (STATUS_LINE[status], first, head, len(content), last, body)
        )
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def connection_class(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the class of connections that keep to `limits`; the server calls `end_if_slow` once a second."""

    class Connection(HttpToolsProtocol):
        latest: tuple[str, int] | None = None  # the client that asked last, on whatever connection
        # When the request that is not here in full began, or the connection; infinity between requests.
        since = math.inf
        # Bytes of answers that the client has not taken, and when that last changed.
        _unread, _took = 0, math.inf
        _head = 0
        _in_head = True
        _ended = False  # a request, within the bytes that came last
        _running: RequestResponseCycle | None = None
        _task: "asyncio.Task[None] | None" = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.since = self.loop.time()
            if len(self.connections) > limits.connections:
                self._end(503, "too many connections; ask again in 1 s", b"retry-after: 1\r\n")

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            # uvicorn leaves it there when a client resets, and with it all that the connection ever held, for 75 s.
            if self.timeout_keep_alive_task is not None:
                self.timeout_keep_alive_task.cancel()
                self.timeout_keep_alive_task = None
            if self._running is None or self._task is None or self._running.response_complete:
                return
            self._running.disconnected = True  # of several requests uvicorn tells only the newest
            state = self._running.scope["state"]
            if MAY_END in state:
                state[GONE] = True
                self._task.cancel()

        def data_received(self, data: bytes) -> None:
            self._ended = False
            super().data_received(data)
            if self._in_head and not self._ended:  # how many of these bytes are of the next head is not known
                self._head += len(data)
                if self._head > HEAD_BYTES and not self.transport.is_closing():
                    self._end(431, f"the head of a request may have {HEAD_BYTES:,} bytes")

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            # As uvicorn does it, which keeps the task to itself.
            self._running = cycle
            again, Connection.latest = Connection.latest is self.client, self.client
            cycle.scope["state"][EXCHANGE] = Exchange(cycle, lambda: again and len(self.tasks) == 1)
            self._task = self.loop.create_task(cycle.run_asgi(app))
            self._task.add_done_callback(self.tasks.discard)
            self.tasks.add(self._task)

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= PIPELINED:
                raise OverflowError  # ends the parse; uvicorn then asks for the 400
            self.since = self.loop.time()
            self._head = 0
            self._in_head = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self.since = math.inf
            self._ended = True
            super().on_message_complete()

        def end_if_slow(self, now: float) -> None:
            """Close if the request has been coming for too long, or no answer is read; now: the event loop's time."""
            unread = self.transport.get_write_buffer_size()
            if not unread or unread != self._unread:
                self._unread, self._took = unread, now
            elif now - self._took > limits.body_seconds:
                self.transport.abort()  # to close would wait for the client
                return
            if self._waits() and self.since < now:
                self.since = now
            if now - self.since <= limits.body_seconds or self.transport.is_closing():
                return
            if self._in_head or self.cycle.response_started:
                self.transport.close()
            else:
                self._end(408, f"the request did not come within {limits.body_seconds:g} s")

        def _waits(self) -> bool:
            """Whether the request that is coming is behind one that has no answer yet: it may not even be read."""
            earlier = self._running
            return (
                earlier is not None and not earlier.response_complete and (self._in_head or self.cycle is not earlier)
            )

        def send_400_response(self, msg: str) -> None:
            if len(self.pipeline) >= PIPELINED:
                msg = f"at most {PIPELINED} requests may wait on one connection"
            self._end(400, msg)

        def _end(self, status: int, message: str, headers: bytes = b"") -> None:
            content = orjson.dumps({"error": message})
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(content)
            self.transport.write(b"".join((STATUS_LINE[status], head, headers, b"\r\n", content)))
            self.transport.close()

    return Connection
