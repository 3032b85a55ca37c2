import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chainrule.serving.connection import PIPELINED, connection_class
from chainrule.serving.limits import Limits

uvicorn = pytest.importorskip("uvicorn")
SECONDS = Limits().body_seconds


class Wire(asyncio.Transport):
    """The server's end of a connection, without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def go(test: Callable[[Any, Wire, asyncio.Event], Awaitable[None]]) -> None:
    """Run a test on a connection whose requests are answered once the event is set."""

    async def main() -> None:
        answering = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            await answering.wait()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        wire = Wire()
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        connection = connection_class(Limits())(config, uvicorn.server.ServerState(), {})
        connection.connection_made(wire)
        await test(connection, wire, answering)
        connection.connection_lost(None)

    asyncio.run(main())


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def request(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


@pytest.mark.parametrize("cut", [30, -5], ids=["within its head", "within its body"])
def test_a_request_does_not_pay_for_the_one_before(cut: int) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        begin = asyncio.get_running_loop().time()
        whole = request(1000)
        connection.data_received(whole + whole[:cut])
        await turns()
        for late in (SECONDS + 1, 3 * SECONDS):
            connection.end_if_slow(begin + late)
            assert not wire.closed and wire.written == b""
        answering.set()
        await turns()
        connection.end_if_slow(begin + 3 * SECONDS + 1)
        assert not wire.closed and wire.written.count(b"HTTP/1.1 200") == 1
        connection.data_received(whole[cut:])
        await turns()
        assert wire.written.count(b"HTTP/1.1 200") == 2 and not wire.closed

    go(test)


@pytest.mark.parametrize(("cut", "answer"), [(30, b""), (-5, b"HTTP/1.1 408")])
def test_it_pays_for_its_own_slowness(cut: int, answer: bytes) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        begin = asyncio.get_running_loop().time()
        connection.data_received(request(10) + request(1000)[:cut])
        await turns()
        wire.written = b""
        connection.end_if_slow(begin + SECONDS - 1)
        assert not wire.closed
        connection.end_if_slow(begin + SECONDS + 1)
        assert wire.closed and wire.written.startswith(answer)

    go(test)


def test_a_body_is_no_part_of_the_head_that_follows() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        whole = request(100_000)
        connection.data_received(whole[:20_000])
        connection.data_received(whole[20_000:] + whole[:30])
        await turns()
        connection.data_received(whole[30:])
        await turns()
        assert wire.written.count(b"HTTP/1.1 200") == 2 and not wire.closed

    go(test)


def test_a_head_that_does_not_end_is_refused_also_after_another_request() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        connection.data_received(request(10) + b"GET / HTTP/1.1\r\nX: ")
        for _ in range(7):
            connection.data_received(b"x" * 10_000)
            await turns()
        assert wire.closed and b"HTTP/1.1 431" in wire.written

    go(test)


def test_a_client_that_asks_on_and_on_without_waiting_is_cut_off() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * (1 + PIPELINED))
        assert not wire.closed
        connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)
        assert wire.closed
        assert b"400 Bad Request" in wire.written
        assert b"at most 32 requests may wait on one connection" in wire.written
        assert len(connection.pipeline) == PIPELINED

    go(test)
