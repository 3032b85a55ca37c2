"""Chainrule's own application for any ASGI server, of the project that SERVING_ROOT names: for serving_hosts.py.

What `chainrule serve` adds in its connections (bounds for slow clients, answers written in one piece, runs on the event
loop for a client that is alone) is left out, so that servers are compared and nothing else.
"""

import os
import sys
from pathlib import Path
from typing import Any

from chainrule.serving import server
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.logs import Log
from chainrule.serving.settings import Settings

sys.setswitchinterval(server.SWITCH_SECONDS)  # as `chainrule serve` does
_settings = Settings(root=Path(os.environ["SERVING_ROOT"]), device="cpu")
_server = server.make_server(_settings, Log())


class _Exchange:
    """An answer as ASGI has it: two messages."""

    gone = may_end = False

    def __init__(self, send: Any) -> None:
        self._send = send

    def is_alone(self) -> bool:
        """Whether the event loop may do the run itself."""
        return False

    async def answer(self, status: int, head: bytes, content: bytes) -> None:
        """Send the whole answer."""
        lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[:-1]]
        headers = [(name, value) for name, value in lines] + [(b"content-length", b"%d" % len(content))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer as `chainrule serve` does."""
    if scope["type"] == "lifespan":
        await receive()
        async with _server.life():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    scope["state"] = {**(scope.get("state") or {}), EXCHANGE: _Exchange(send)}
    await _server.shared.app(scope, receive, send)
