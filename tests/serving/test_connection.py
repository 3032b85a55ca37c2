import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chainrule.serving.connection import EXCHANGE, KEEP_ALIVE_SECONDS, PIPELINED, Connection, Shared
from chainrule.serving.limits import Limits

SECONDS = Limits().body_seconds


class Wire(asyncio.Transport):
    """The server's end of a connection, without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False  # so that what is left is closed at once

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


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
        connection = Connection(Shared(app, Limits()))
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


def test_a_head_that_is_too_large_is_refused_also_in_one_piece() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        connection.data_received(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n")
        assert wire.closed and wire.written.startswith(b"HTTP/1.1 431")

    go(test)


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


def test_a_header_behind_the_body_is_none_of_the_request() -> None:
    seen: list[Any] = []

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            seen.extend(name for name, _ in scope["headers"])
            await scope["state"][EXCHANGE].answer(200, b"", b"")

        connection, wire = Connection(Shared(app, Limits())), Wire()
        connection.connection_made(wire)
        connection.data_received(CHUNKED + b"Authorization: Bearer x\r\n\r\n" + request(1))
        await turns()
        assert wire.written.count(b"HTTP/1.1 200") == 2
        connection.connection_lost(None)

    asyncio.run(main())
    assert seen == [b"host", b"transfer-encoding", b"host", b"content-length"]


def test_headers_behind_the_body_that_do_not_end_are_refused() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        connection.data_received(CHUNKED + b"X: ")
        for _ in range(7):
            connection.data_received(b"x" * 10_000)
        assert wire.closed and wire.written.startswith(b"HTTP/1.1 431")

    go(test)


def test_many_small_pieces_of_a_body_are_no_large_head() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        connection.data_received(CHUNKED[: -len(b"3\r\nabc\r\n0\r\n")])
        for _ in range(10_000):
            for piece in (b"003\r\n", b"abc", b"\r\n"):
                connection.data_received(piece)
        connection.data_received(b"0\r\n\r\n")
        await turns()
        assert wire.written.startswith(b"HTTP/1.1 200") and not wire.closed

    go(test)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHost:"


def test_another_protocol_is_not_spoken_and_the_next_request_is_answered() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        asks = request(0).replace(b"Host:", UPGRADE)
        connection.data_received(asks + request(10) + asks[:20])
        await turns()
        connection.data_received(asks[20:])
        await turns()
        assert wire.written.count(b"HTTP/1.1 200") == 3 and not wire.closed

    go(test)


@pytest.mark.parametrize("whole", [request(10), CHUNKED + b"\r\n"])
def test_a_body_is_not_taken_for_the_next_request(whole: bytes) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        head, end, body = whole.replace(b"Host:", UPGRADE).partition(b"\r\n\r\n")
        connection.data_received(head + end)
        connection.data_received(body)
        await turns()
        assert wire.written.count(b"HTTP/1.1 400") == 1 and b"without Upgrade" in wire.written and wire.closed

    go(test)


@pytest.mark.parametrize("head", [b"Connection: close\r\n", b""])
def test_what_follows_the_last_request_is_not_looked_at(head: bytes) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        last = request(3).replace(b"Host:", head + b"Host:")
        if not head:
            last = last.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host:", b"Connection: keep-alive\r\nHost:")
        connection.data_received(last + request(3) + b"no HTTP")
        connection.data_received(b"no HTTP")
        await turns()
        assert wire.written == b"" and not wire.closed
        answering.set()
        await turns()
        assert wire.written.count(b"HTTP/1.1 ") == 1 and b"connection: close" in wire.written and wire.closed

    go(test)


def test_a_client_that_rests_for_long_is_left() -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        begin = asyncio.get_running_loop().time()
        for late in (1, KEEP_ALIVE_SECONDS):
            connection.data_received(request(3))
            await turns()
            connection.end_if_slow(begin + late)
            connection.end_if_slow(begin + late + KEEP_ALIVE_SECONDS)
            assert not wire.closed
        connection.end_if_slow(begin + late + KEEP_ALIVE_SECONDS + 1)
        assert wire.closed

    go(test)


@pytest.mark.parametrize(("cut", "answers"), [(None, 0), (30, 0), (-5, 1)])
def test_a_server_that_ends_answers_what_it_has(cut: int | None, answers: int) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        whole = request(1000)
        if cut is not None:
            connection.data_received(whole[:cut])
        await turns()
        connection.finish()
        assert wire.closed == (not answers)
        if answers:
            connection.data_received(whole[cut:] + whole)
            await turns()
            assert wire.closed and b"connection: close" in wire.written
        assert wire.written.count(b"HTTP/1.1 200") == answers

    go(test)


def test_no_more_is_read_than_the_application_takes() -> None:
    async def main() -> None:
        taking = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await taking.wait()
            while (await receive()).get("more_body"):
                pass
            await scope["state"][EXCHANGE].answer(200, b"", b"")

        connection, wire = Connection(Shared(app, Limits())), Wire()
        connection.connection_made(wire)
        whole = request(200_000)
        connection.data_received(whole[:100_000])
        assert wire.paused
        taking.set()
        await turns()
        assert not wire.paused
        connection.data_received(whole[100_000:] + request(1)[:-1])
        assert wire.paused
        await turns()
        assert not wire.paused and wire.written.count(b"HTTP/1.1 200") == 1
        connection.connection_lost(None)

    asyncio.run(main())


@pytest.mark.parametrize("leaves", [False, True])
def test_an_answer_waits_until_those_before_are_taken(leaves: bool) -> None:
    async def test(connection: Any, wire: Wire, answering: asyncio.Event) -> None:
        answering.set()
        connection.pause_writing()
        connection.data_received(request(3))
        await turns()
        assert wire.written == b""
        if leaves:
            connection.connection_lost(None)
        else:
            connection.resume_writing()
        await turns()
        assert wire.written.count(b"HTTP/1.1 200") == (0 if leaves else 1)

    go(test)


def test_a_body_that_is_not_taken_holds_no_request_behind_it_up() -> None:
    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await scope["state"][EXCHANGE].answer(413, b"", b"")

        connection, wire = Connection(Shared(app, Limits())), Wire()
        connection.connection_made(wire)
        whole = request(200_000)
        connection.data_received(whole[:100_000])
        assert wire.paused
        await turns()
        assert not wire.paused
        connection.data_received(whole[100_000:] + request(1))
        await turns()
        assert not wire.paused and wire.written.count(b"HTTP/1.1 413") == 2
        connection.connection_lost(None)

    asyncio.run(main())


def test_a_header_of_two_lines_is_not_sent() -> None:
    async def answer(exchange: Any, send: Any) -> None:
        headers = [(b"x-a", b"1\r\nx-b: 2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"content"})

    assert conversation(answer, request(3)) == (b"", True, 0)


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


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1",
        "POST / HTTP/1.1\r\nConnection: close",
        "POST / HTTP/1.0",
        "POST / HTTP/1.0\r\nConnection: keep-alive",
        "HEAD / HTTP/1.1",
        "POST / HTTP/1.1\r\nExpect: 100-continue",
    ],
)
def test_an_answer_in_one_piece_is_what_two_messages_make(head: str, status: int) -> None:
    asked = f"{head}\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".encode()
    seen = []
    for whole in (True, False):

        async def answer(exchange: Any, send: Any, whole: bool = whole) -> None:
            if whole:
                await exchange.answer(status, b"x-a: 1\r\nx-b: 2\r\n", b"content")
                return
            headers = [(b"x-a", b"1"), (b"x-b", b"2"), (b"content-length", b"7")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"content"})

        seen.append(conversation(answer, asked * 2))
    assert seen[0] == seen[1]
    assert seen[0][0].startswith(b"HTTP/1.1 ") and b"x-a: 1" in seen[0][0]


def conversation(answer: Any, asked: bytes) -> tuple[bytes, bool, int]:
    """Return what a connection wrote in answer to these bytes, whether it closed, and the requests it counted."""

    async def main() -> tuple[bytes, bool, int]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            exchange = scope["state"][EXCHANGE]
            while (await receive()).get("more_body"):
                pass
            await answer(exchange, send)

        wire = Wire()
        shared = Shared(app, Limits())
        connection = Connection(shared)
        connection.connection_made(wire)
        connection.data_received(asked)
        await turns()
        found = wire.written, wire.closed, shared.answered
        connection.connection_lost(None)
        return found

    return asyncio.run(main())


def test_nothing_is_written_to_a_client_that_is_gone() -> None:
    async def main() -> None:
        left = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            exchange = scope["state"][EXCHANGE]
            await left.wait()
            await exchange.answer(200, b"", b"late")

        wire = Wire()
        connection = Connection(Shared(app, Limits()))
        connection.connection_made(wire)
        connection.data_received(request(10))
        await turns()
        connection.connection_lost(None)
        left.set()
        await turns()
        assert wire.written == b""

    asyncio.run(main())


def test_a_client_is_alone_when_it_asks_again_and_nobody_else_asks() -> None:
    async def main() -> None:
        alone: list[bool] = []
        waiting: list[asyncio.Event] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            exchange = scope["state"][EXCHANGE]
            for event in waiting:
                await event.wait()
            alone.append(exchange.is_alone())
            await exchange.answer(200, b"", b"")

        shared = Shared(app, Limits())
        one, other = (Connection(shared) for _ in range(2))
        for connection in (one, other):
            connection.connection_made(Wire())
            connection.client = ("127.0.0.1", 1000 + len(shared.connections))

        async def ask(*connections: Any) -> list[bool]:
            alone.clear()
            for connection in connections:
                connection.data_received(request(1))
            await turns()
            return list(alone)

        assert await ask(one) == [False]  # it was never here before
        assert await ask(one) == [True]
        assert await ask(other) == [False]
        assert await ask(one) == [False]
        assert await ask(one) == [True]
        waiting.append(asyncio.Event())
        await ask(other)
        await ask(one)
        await ask(one)  # behind the one before on its connection
        waiting.pop().set()
        await turns()
        assert alone[:2] == [False, False]
        for connection in (one, other):
            connection.connection_lost(None)

    asyncio.run(main())


@pytest.mark.parametrize("end", [None, ConnectionResetError()])
def test_nothing_is_kept_of_a_connection_that_ended(end: Exception | None) -> None:
    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await scope["state"][EXCHANGE].answer(200, b"", b"")

        connection = Connection(Shared(app, Limits()))
        connection.connection_made(Wire())
        connection.data_received(request(1))
        await turns()
        kept = weakref.ref(connection)
        connection.connection_lost(end)
        del connection
        await turns()
        assert kept() is None

    gc.collect()
    gc.disable()  # what knows itself would stay until the collector comes by
    try:
        asyncio.run(main())
    finally:
        gc.enable()
