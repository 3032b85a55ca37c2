"""The event loop of a server: opens the door, minds the connections, and ends when what is in hand is answered."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from email.utils import formatdate

from chainrule.serving import loading
from chainrule.serving.connection import Connection, Shared
from chainrule.serving.limits import BACKLOG

LOOK_SECONDS = 1.0  # between looks at connections, date and memory
DRAIN_LOOK_SECONDS = 0.05


class Server:
    """A server that is yet to run, or runs."""

    def __init__(
        self, shared: Shared, life: Callable[[], AbstractAsyncContextManager[None]], drain_seconds: float
    ) -> None:
        """Take what connections share, what is alive as long as the server, and how long it may take to end."""
        self.shared = shared
        self.life = life
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._asked = 0  # to end, so many times
        self._answered = self._given_back = 0  # requests by the look before, and when memory was given back last

    def run(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until `end` or, in a main thread, SIGTERM or SIGINT."""
        with asyncio.Runner(loop_factory=_new_loop) as runner, self._heeding_signals():
            runner.run(self._serve(listener))

    def end(self) -> None:
        """Take no more connections, answer what is in hand and end; asked twice, end at once. From any thread."""
        self._asked += 1
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _serve(self, listener: socket.socket) -> None:
        loop = self._loop = asyncio.get_running_loop()
        if self._asked:
            self._ending.set()
        async with self.life():
            self._look(loop.time())
            door = await loop.create_server(lambda: Connection(self.shared), sock=listener, backlog=BACKLOG)
            while not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._ending.wait()
                self._look(loop.time())
            door.close()
            await self._drain(loop)

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        shared = self.shared
        for connection in list(shared.connections):
            connection.finish()
        last = loop.time() + self._drain_seconds
        while (shared.connections or shared.tasks) and self._asked < 2 and loop.time() < last:
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
            self._end_slow(loop.time())
        for task in list(shared.tasks):
            task.cancel()
        for connection in list(shared.connections):
            connection.transport.abort()

    def _look(self, now: float) -> None:
        shared = self.shared
        shared.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self._end_slow(now)
        before, self._answered = self._answered, shared.answered
        # A second of rest after work: free pages go back to the system, once.
        if self._answered == before != self._given_back and not shared.tasks:
            self._given_back = before
            gc.collect()
            loading.give_back()

    def _end_slow(self, now: float) -> None:
        for connection in list(self.shared.connections):
            connection.end_if_slow(now)

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, lambda *_: self.end()) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
