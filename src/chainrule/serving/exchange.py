"""One request and its answer, as ASGI has them."""

import asyncio
import http
import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.serving.connection import Connection

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in http.HTTPStatus}
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_log = logging.getLogger(__name__)


class Exchange:
    """A request that a connection takes in, and an application answers.

    `receive` and `send` are those of ASGI; an answer goes out in one piece once all of it is there, whether by `send`
    or by `answer`, for an application that has it at once. One whose length nobody knows goes out as it comes, as fast
    as the client takes it.
    """

    __slots__ = (
        "_body", "_chunked", "_connection", "_content", "_expects", "_head", "_method", "_news", "_sized", "_status",
        "_told", "answered", "gone", "keep_alive", "may_end", "waited", "whole",
    )  # fmt: skip

    def __init__(self, connection: "Connection", method: str, keep_alive: bool, expects: bool) -> None:
        """Begin with nothing of the body. expects: whether the client waits for 100 before it sends one."""
        self._connection = connection
        self._method = method
        self._expects = expects
        self._body: bytes | bytearray = b""
        self._news: asyncio.Future[None] | None = None
        self._told = False
        self._status = 0
        self._chunked: bool | None = None  # None: no part of an answer is out
        self._head = self._content = b""
        self._sized = True  # whether the answer says how long it is
        self.keep_alive = keep_alive
        """Whether the connection stays open after the answer."""
        self.whole = False
        """Whether all of the body has come."""
        self.answered = False
        self.gone = False
        """Whether the client went away before it was answered."""
        self.may_end = False
        """Whether that ends the request: it has been read, and does nothing but make an answer."""
        self.waited = True
        """Whether this client was not the one that asked last, or others are being answered."""

    async def run(self, app: Any, scope: dict[str, Any]) -> None:
        """Have an ASGI application answer; the connection ends if it does not."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            _log.exception("a request failed")
        finally:
            if not self.answered:
                self._connection.transport.close()

    # ---- what the connection tells

    def take(self, part: bytes) -> int:
        """Add a part of the body; returns the bytes that wait to be received."""
        if self.answered:
            return 0
        if not self._body:
            self._body = part
        else:
            # Not a list of parts: a part of one byte takes forty times that.
            self._body = self._body if isinstance(self._body, bytearray) else bytearray(self._body)
            self._body += part
        self._wake()
        return len(self._body)

    def end(self) -> None:
        """Note that all of the body has come."""
        self.whole = True
        self._wake()

    def leave(self) -> None:
        """Note that the client went away."""
        self.gone = not self.answered
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # ---- what the application asks

    def is_alone(self) -> bool:
        """Whether nobody but this client asks for anything, as far as can be seen."""
        return not self.waited and len(self._connection.shared.tasks) == 1

    async def receive(self) -> dict[str, Any]:
        """Return what of the body has come since the last call, or that there is nobody to answer any more."""
        if self._expects:
            self._expects = False
            self._connection.transport.write(CONTINUE)
        while not (self._body or (self.whole and not self._told) or self.gone or self.answered):
            self._news = self._connection.loop.create_future()
            await self._news
        if self.gone or self.answered:
            return {"type": "http.disconnect"}
        part, self._body = self._body, b""
        self._told = self.whole
        self._connection.pace(0)
        return {"type": "http.request", "body": bytes(part), "more_body": not self.whole}

    def drop(self) -> None:
        """End the connection at once: its client takes too long to read."""
        self._connection.transport.abort()

    async def send(self, message: Any) -> None:
        """Take a part of the answer. Raises ValueError for a header that would be read as more than one."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message.get("headers", ())
            self._head, self._sized = lines(headers), any(name.lower() == b"content-length" for name, _ in headers)
            return
        content, more = message.get("body", b""), message.get("more_body", False)
        if self._chunked is not None or (more and not self._sized):
            await self._part(content, more)
            return
        self._content += content
        if not more:
            await self.answer(self._status, self._head, self._content)

    async def _part(self, content: bytes, more: bool) -> None:
        """Send a part of an answer whose end nobody knows yet, in chunks, or to the end of the connection."""
        connection = self._connection
        await connection.room()
        if self.gone or connection.transport.is_closing():
            return
        parts: list[bytes] = []
        if self._chunked is None:
            self._chunked = self.keep_alive  # one of HTTP/1.0, whose connection ends, knows no chunks
            how = b"transfer-encoding: chunked\r\n" if self._chunked else b"connection: close\r\n"
            parts += [STATUS_LINES[self._status], connection.shared.date, self._head, how, b"\r\n"]
        if content and self._method != "HEAD":
            parts += [b"%x\r\n" % len(content), content, b"\r\n"] if self._chunked else [content]
        if not more:
            self.answered, self._body = True, b""
            if self._chunked:
                parts.append(b"0\r\n\r\n")
        connection.transport.write(b"".join(parts))
        if not more:
            self._wake()
            connection.next(self.keep_alive and self._chunked)

    async def answer(self, status: int, head: bytes, content: bytes) -> None:
        """Answer. head: lines of headers, each with its end, without the content's length."""
        if self.answered:
            raise RuntimeError("a request is answered once")
        connection = self._connection
        await connection.room()
        if self.gone or connection.transport.is_closing():
            return
        self.answered = True
        self._body = b""
        last = b"" if self.keep_alive else b"connection: close\r\n"
        body = b"" if self._method == "HEAD" else content
        connection.transport.write(
            b"%b%b%bcontent-length: %d\r\n%b\r\n%b"
            % (STATUS_LINES[status], connection.shared.date, head, len(content), last, body)
        )
        self._wake()
        connection.next(self.keep_alive)


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as lines, without the content's length. Raises ValueError if one would be read as more."""
    found = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise ValueError(f"{name!r}: {value!r} is no header")
        if name.lower() != b"content-length":
            found.append(b"%b: %b\r\n" % (name.lower(), value))
    return b"".join(found)
