"""The body of a request, read and decompressed within bounds. How long it may take is the connection's to watch."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits

Receive = Callable[[], Awaitable[Any]]

_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_AT_ONCE = 1024 * 1024  # decompressed in some 2 ms; what follows would hold all other requests up


SMALL = 64 * 1024
"""Bytes that a request may always have: senders of large bodies must not keep small ones from being answered."""


class Disconnected(Exception):  # noqa: N818 - no error of anybody's
    """The client went away; nobody is left to answer."""


class Bodies:
    """The bytes of all bodies in hand."""

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0


class Share:
    """What one request has of them."""

    __slots__ = ("_all", "held")

    def __init__(self, bodies: Bodies) -> None:
        self._all = bodies
        self.held = 0

    def take(self, size: int) -> None:
        """Count bytes that came. Raises Refusal (503) if all requests together have too many."""
        self.held += size
        self._all.held += size
        if self._all.held > self._all.most and self.held > SMALL:
            raise Refusal(503, "the bodies on their way are too large together; ask again in 1 s", "bodies_full", 1)

    def give_back(self, size: int) -> None:
        """Count bytes that are no longer held."""
        self.held -= size
        self._all.held -= size


async def read(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits, share: Share) -> bytes:
    """Return the whole body, decompressed. headers: by lower-case name.

    Its bytes stay counted in `share` until they are given back. Raises Refusal (400, 413, 415, 503) and Disconnected.
    """
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding != b"identity" and encoding not in _WINDOWS:
        raise Refusal(415, "the body may be compressed with gzip or deflate only", "encoding")
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise Refusal(415, "the body may come in chunks, in no other transfer encoding", "encoding")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limits.body_bytes:
        raise _too_large(limits)
    body = await _received(receive, limits, share)
    if encoding == b"identity":
        return body
    content = await _inflated(body, _WINDOWS[encoding], limits)
    share.take(len(content))
    share.give_back(len(body))
    return content


async def _received(receive: Receive, limits: Limits, share: Share) -> bytes:
    whole: bytes | bytearray = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part = message.get("body", b"")
        share.take(len(part))
        if share.held > limits.body_bytes:
            raise _too_large(limits)
        if not whole:
            whole = part
        elif part:
            # Not a list of parts: a part of one byte takes forty times that.
            whole = whole if isinstance(whole, bytearray) else bytearray(whole)
            whole += part
        if not message.get("more_body", False):
            return bytes(whole)


async def _inflated(body: bytes, window: int, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        content = inflater.decompress(body, min(_AT_ONCE, limits.body_bytes + 1))
        if inflater.unconsumed_tail and len(content) <= limits.body_bytes:
            most = limits.body_bytes + 1 - len(content)
            content += await asyncio.to_thread(inflater.decompress, inflater.unconsumed_tail, most)
    except zlib.error as error:
        raise Refusal(400, f"the body cannot be decompressed: {error}", "encoding") from None
    if len(content) > limits.body_bytes:
        raise _too_large(limits)
    if not inflater.eof or inflater.unused_data:
        raise Refusal(400, "the compressed body ends too early or too late", "encoding")
    return content


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body may have {limits.body_bytes:,} bytes, decompressed too", "too_large")
