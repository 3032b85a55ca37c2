"""The body of a request, read and decompressed within a bound. How long it may take is the connection's to watch."""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits

Receive = Callable[[], Awaitable[Any]]

_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class Disconnected(Exception):  # noqa: N818 - no error of anybody's
    """The client went away; nobody is left to answer."""


async def read(receive: Receive, headers: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """Return the whole body, decompressed. headers: by lower-case name.

    Raises Refusal (400, 413, 415) and Disconnected.
    """
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding != b"identity" and encoding not in _WINDOWS:
        raise Refusal(415, "the body may be compressed with gzip or deflate only", "encoding")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limits.body_bytes:
        raise _too_large(limits)
    body = await _received(receive, limits)
    return body if encoding == b"identity" else _inflated(body, _WINDOWS[encoding], limits)


async def _received(receive: Receive, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limits.body_bytes:
            raise _too_large(limits)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflated(body: bytes, window: int, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        content = inflater.decompress(body, limits.body_bytes + 1)
    except zlib.error as error:
        raise Refusal(400, f"the body cannot be decompressed: {error}", "encoding") from None
    if len(content) > limits.body_bytes:
        raise _too_large(limits)
    if not inflater.eof or inflater.unused_data:
        raise Refusal(400, "the compressed body ends too early or too late", "encoding")
    return content


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body may have {limits.body_bytes:,} bytes, decompressed too", "too_large")
