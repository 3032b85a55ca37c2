"""A closed loop of clients over HTTP/1.1, cheap enough to share its cores with the server that it measures.

One process, one event loop (uvloop's where it is installed), one keep-alive connection per client, which sends the
next request as soon as the last one is answered. Requests are bytes that were made beforehand. Of an answer only the
status and the length are read; every so-manieth is handed to a function that checks it.
"""

import asyncio
import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

Check = Callable[[int, bytes, bytes], bool]
"""Whether the answer to request number so-and-so is right, given its head and its body."""
END = b"\r\n\r\n"
GRACE_SECONDS = 30.0  # what a last answer may take before it counts as lost


@dataclass
class Tally:
    """What was seen in a span of time."""

    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds, of every answer with status 200 that came within the span."""
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    """Connections that ended, or stood still, with a request unanswered."""
    checked: int = 0
    wrong: int = 0

    @property
    def failed(self) -> int:
        """Requests without a right answer, as far as they were looked at."""
        return self.lost + self.wrong + sum(count for status, count in self.statuses.items() if status != 200)

    def figures(self) -> dict[str, Any]:
        """Return requests per second and latencies in milliseconds."""
        return {
            "requests_per_second": len(self.latencies) / self.seconds,
            "p50_ms": percentile(self.latencies, 0.50) * 1000,
            "p99_ms": percentile(self.latencies, 0.99) * 1000,
            "requests": len(self.latencies),
            "failed": self.failed,
            "checked": self.checked,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed; nan of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def request(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return a POST as bytes."""
    given = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (given | (headers or {})).items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def whole(data: bytes) -> tuple[int, int] | None:
    """Return where the head and where all of the first answer in `data` end; None while it is not all there."""
    at = data.find(END)
    if at < 0:
        return None
    head = data[:at].lower() + b"\r\n"
    place = head.find(b"\r\ncontent-length:")
    if place >= 0:
        end = at + 4 + int(head[place + 17 : head.index(b"\r\n", place + 2)])
        return (at + 4, end) if len(data) >= end else None
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        last = data.find(b"\r\n0\r\n\r\n", at + 2)
        return (at + 4, last + 7) if last >= 0 else None
    return at + 4, at + 4


def body_of(head: bytes, body: bytes) -> bytes:
    """Return the body of an answer with the marks of its chunks taken out, if it came in chunks."""
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    parts, at = [], 0
    while size := int(body[at : (line := body.index(b"\r\n", at))], 16):
        parts.append(body[line + 2 : line + 2 + size])
        at = line + 4 + size
    return b"".join(parts)


def header(head: bytes, name: str) -> str | None:
    """Return a header's value from the head of an answer."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return None


class _Client(asyncio.Protocol):
    """One connection; its requests are taken in turn."""

    def __init__(self, load: "Load", turn: int) -> None:
        self.load = load
        self.turn = turn
        self.rest = b""
        self.waits = False
        self.began = 0.0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._send()

    def _send(self) -> None:
        if self.load.stopping:
            self.transport.close()
            return
        self.waits = True
        self.began = time.perf_counter()
        self.transport.write(self.load.requests[self.turn])

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
        ends = whole(data)
        if ends is None:
            self.rest = data
            return
        now = time.perf_counter()
        self.waits = False
        load = self.load
        tally = load.tally
        status = int(data[9:12])
        tally.statuses[status] += 1
        if status == 200:
            tally.latencies.append(now - self.began)
            if len(tally.latencies) % load.every == 0:
                tally.checked += 1
                head, end = ends
                if not load.check(self.turn, data[:head], data[head:end]):
                    tally.wrong += 1
        self.rest = b""
        self.turn = (self.turn + 1) % len(load.requests)
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.waits:
            self.load.tally.lost += 1
        self.closed.set_result(None)
        if not self.load.stopping:
            self.load.reconnect(self)


class Load:
    """`clients` connections at work for the length of an `async with` block; `take()` cuts the time into spans."""

    def __init__(self, port: int, requests: Sequence[bytes], clients: int, check: Check, every: int = 50) -> None:
        """Have every `every`th answer with status 200 checked."""
        self.port = port
        self.requests = requests
        self.check = check
        self.every = every
        self.tally = Tally()
        self.stopping = False
        self._clients: list[_Client] = []
        self._count = clients
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # Spread over the requests, so that clients do not all send the same one.
        await asyncio.gather(
            *(self._connect(number * len(self.requests) // self._count) for number in range(self._count))
        )
        self.tally = Tally()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping = True
        waiting = [client.closed for client in self._clients if not client.closed.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=GRACE_SECONDS)
        stuck = [client for client in self._clients if not client.closed.done()]
        for client in stuck:
            client.transport.abort()
        if stuck:
            await asyncio.wait([client.closed for client in stuck])

    def take(self) -> Tally:
        """Return what was seen since the last call, or since the start, and begin anew."""
        taken, self.tally = self.tally, Tally()
        taken.seconds = self.tally.began - taken.began
        return taken

    def reconnect(self, client: _Client) -> None:
        """Replace a connection that the server has closed."""
        self._clients.remove(client)
        task = asyncio.get_running_loop().create_task(self._connect(client.turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, turn: int) -> None:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: _Client(self, turn), "127.0.0.1", self.port)
        self._clients.append(client)


async def _spans(load: Load, warm_up: float, seconds: float) -> Tally:
    async with load:
        await asyncio.sleep(warm_up)
        load.take()
        await asyncio.sleep(seconds)
        measured = load.take()
    # What went wrong while the last answers came in counts as well.
    measured.lost += load.tally.lost
    return measured


def closed_loop(
    port: int, requests: Sequence[bytes], clients: int, seconds: float, check: Check, warm_up: float = 0.5
) -> Tally:
    """Let `clients` clients ask for `seconds` seconds, after a warm-up that is not counted."""
    measured: Tally = run(_spans(Load(port, requests, clients, check), warm_up, seconds))
    return measured


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on uvloop if it is there, without pauses for garbage."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)
    finally:
        gc.enable()
