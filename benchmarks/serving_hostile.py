"""A server under hostile requests: does it stay up, answer everybody else, and give its memory back?

--requests requests, drawn from --seed, of every kind in serving_hostile_requests.py: fuzzed JSON, wrong shapes and
datatypes, huge and negative sizes, NaN and infinities, binary data cut off, too long or with lies about its length,
gzip bombs, deep nesting, bad images and texts, broken HTTP, clients that hang up, that take forever, that send half
of a 16 MB body, and that never read an answer. They come over --clients connections at once, against three small models
(uint8 image, float32 image, text). After every tenth one the same client asks a good question, on the same connection
if that is still open, and the answer is compared with the bare session's.

A fault is: a 5xx other than 503, or a 503 without Retry-After or for no reason in DELIBERATE; no answer within
--patience seconds, where the server should have closed a slow client's connection by then; a connection closed without
an answer, unless the request was no HTTP or its body was unwanted; a 200 for a request that can only be wrong; a good
question with a wrong answer or none.

Memory at the end is compared with what it was after good questions and nothing else ("good"): that is the target.
Beside it, and no target, stands the comparison with what it was ("warm") after --warm-up hostile requests of another
seed as well, which take every path once: what reads images and the largest bodies is loaded when it is first needed.

Targets: no fault; resident memory within 5% of where it was after good questions.
"""

import argparse
import asyncio
import io
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import common
import serving_hostile_requests as hostile
import serving_load
import serving_models
import serving_servers
from PIL import Image
from serving_hostile_requests import MODELS, Case
from serving_servers import BINARY, JSON

GOOD_EVERY = 10
GOOD_FIRST = 2_000
SLOW_AT_ONCE = 60
SAMPLE_SECONDS = 0.5
QUIET_SECONDS = 3.0
GROWTH = 0.05
DELIBERATE = {
    "queue": rb"items wait already",
    "deadline": rb"no run began within|was not prepared within",
    "connections": rb"too many connections",
    "bodies": rb"bodies on their way are too large together",
    "preparing": rb"too many inputs wait to be made already",
}
"""What a 503 may say, by reason."""
Kinds = dict[str, Counter[str]]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--warm-up", type=int, default=3_000, help="hostile requests before memory is looked at")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--patience", type=float, default=40.0, help="seconds without an answer that are a hang")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    at_start = common.machine()
    with common.temporary_folder() as folder:
        bundles = {kind: folder / "models" / "onnx" / kind for kind in MODELS}
        serving_models.make(*[(kind, 7, bundle) for kind, bundle in bundles.items()])
        good = questions(bundles)
        with serving_servers.chainrule(folder, "--device", "cpu") as up:
            figures = asyncio.run(attack(up, good, options))
            alive = up.process.poll() is None and serving_servers.answers(up.port, "/v2/health/ready")
        figures["errors_in_log"] = errors(up.log)
    memory = figures["memory"]
    from_good, from_warm = (memory["after"] / memory[when] - 1 for when in ("good", "warm"))
    print(f"growth of resident memory since the warm-up (no target): {from_warm:.4g}")
    memory["growth_from_warm"] = round(from_warm, 4)
    figures["targets"] = {
        "faults": common.target("faults", sum(figures["faults"].values()), "<=", 0),
        "alive": common.target("alive and ready at the end", alive, ">=", 1),
        "memory_growth_from_good": common.target(
            "growth of resident memory since the good questions", from_good, "<=", GROWTH
        ),
    }
    kept = {key: getattr(options, key) for key in ("requests", "warm_up", "clients", "patience", "seed")}
    common.write_result(options.results, "serving_hostile", at_start, kept, figures)


def errors(log: Path) -> list[str]:
    """Return the first errors in a server's log that are more than a refused request."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line[:2000] for line in lines if '"level":"error"' in line and '"message":"request"' not in line][:5]


Question = tuple[bytes, serving_load.Check, int]
"""A good request, what checks its answer, and its number for that."""


def questions(bundles: dict[str, Any]) -> list[Question]:
    """Return good requests of every model, in JSON and with binary tensors."""
    found: list[Question] = []
    for kind, bundle in bundles.items():
        inputs = serving_models.examples(kind, 16, seed=3)
        expected = serving_models.expected(bundle, inputs)
        for wire in (JSON, BINARY):
            right = serving_servers.checker(wire, expected, serving_models.TOLERANCE)
            found += [(wire.request(kind, each), right, number) for number, each in enumerate(inputs)]
    return found


def plain() -> list[tuple[str, bytes, str]]:
    """Return an image file and a text as people send them, each with its path and type."""
    picture = io.BytesIO()
    Image.new("L", (16, 16), 90).save(picture, "PNG")
    return [
        (f"/models/{hostile.IMAGE}", picture.getvalue(), "image/png"),
        (f"/models/{hostile.TEXT}", b"the plot is thin", "text/plain"),
    ]


class Seen:
    """What came of the requests."""

    def __init__(self) -> None:
        self.kinds: Kinds = {}
        self.faults: Counter[str] = Counter()
        self.examples: list[dict[str, str]] = []
        self.good: list[float] = []
        """Seconds that good questions took."""
        self.answered = 0

    def note(self, case: Case, outcome: str, answer: bytes) -> None:
        """Count an outcome: a status, "closed", "hang" or "abandoned"; and whether it, with its answer, is a fault."""
        if outcome == "503":
            outcome = f"503 {reason_of(answer)}"
        self.kinds.setdefault(case.kind, Counter())[outcome] += 1
        self.answered += 1
        fault = fault_of(case, outcome)
        if fault:
            self.fault(f"{case.kind}: {fault}", case.data)

    def fault(self, what: str, data: bytes) -> None:
        """Count a fault and keep the first few of each with the request."""
        self.faults[what] += 1
        if self.faults[what] <= 3:
            self.examples.append({"fault": what, "request": repr(data[:1500])})
            print(f"FAULT {what}: {data[:300]!r}", flush=True)


def fault_of(case: Case, outcome: str) -> str | None:
    """Return what is wrong with an outcome; None if nothing is."""
    if outcome == "hang":
        return "no answer"
    if outcome == "closed":
        return None if case.closes else "closed without an answer"
    if outcome == "503 none":
        return "answered 503 for no deliberate reason"
    if outcome.startswith("5") and not outcome.startswith("503 "):
        return f"answered {outcome}"
    if outcome == "200" and not case.passes:
        return "accepted"
    return None


def reason_of(answer: bytes) -> str:
    """Return which of DELIBERATE a 503, head and body, gives; "none" if none, or if it has no Retry-After."""
    if b"retry-after: " not in answer.lower():
        return "none"
    return next((reason for reason, words in DELIBERATE.items() if re.search(words, answer)), "none")


async def attack(up: serving_servers.Running, good: list[Question], options: argparse.Namespace) -> dict[str, Any]:
    """Warm up, attack, and return what was seen."""
    memory: dict[str, Any] = {"started": resident(up)}
    connection = Connection(up.port)
    for turn in range(GOOD_FIRST):
        await ask(connection, good[turn % len(good)], Seen(), options.patience)
    for path, body, kind in plain():
        case = Case("good", serving_load.request(path, body, {"Content-Type": kind}), passes=True)
        await connection.send(case, options.patience)
    connection.close()
    memory["good"] = resident(up)
    await drive(up.port, hostile.cases(options.seed + 1, options.warm_up), good, Seen(), options)
    await asyncio.sleep(QUIET_SECONDS)
    memory["warm"] = resident(up)
    seen = Seen()
    began = time.perf_counter()
    async with sampled(up, seen) as samples:
        await drive(up.port, hostile.cases(options.seed, options.requests), good, seen, options)
    seconds = time.perf_counter() - began
    await asyncio.sleep(QUIET_SECONDS)
    memory |= {"after": resident(up), "largest": max(samples), "samples": samples[:: max(1, len(samples) // 30)]}
    statuses: Counter[str] = sum(seen.kinds.values(), Counter())
    for kind, outcomes in sorted(seen.kinds.items()):
        print(f"{kind}: {', '.join(f'{count} × {what}' for what, count in sorted(outcomes.items()))}")
    resident_mb = ", ".join(f"{memory[when]:.1f} {when}" for when in ("started", "good", "warm", "after", "largest"))
    print(f"{options.requests} requests in {seconds:.0f} s; resident MB: {resident_mb}")
    return {
        "seconds": round(seconds, 1),
        "statuses": dict(sorted(statuses.items())),
        "kinds": {kind: dict(sorted(outcomes.items())) for kind, outcomes in sorted(seen.kinds.items())},
        "faults": dict(seen.faults),
        "examples": seen.examples,
        "good": {
            "answered": len(seen.good),
            "p50_ms": serving_load.percentile(seen.good, 0.5) * 1000,
            "p99_ms": serving_load.percentile(seen.good, 0.99) * 1000,
            "largest_ms": max(seen.good) * 1000,
        },
        "memory": memory,
    }


def resident(up: serving_servers.Running) -> float:
    """Return the server's resident memory in MB."""
    return round(sum(each.memory_info().rss for each in serving_servers.family(up.process.pid)) / 1e6, 1)


@asynccontextmanager
async def sampled(up: serving_servers.Running, seen: Seen) -> AsyncIterator[list[float]]:
    """Give a list to which memory is added every so often, and say how far things are."""
    samples = [resident(up)]

    async def sample() -> None:
        said = 0
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            samples.append(resident(up))
            if seen.answered // 10_000 > said:
                said = seen.answered // 10_000
                print(f"{seen.answered} requests, {samples[-1]:.1f} MB, {sum(seen.faults.values())} faults", flush=True)

    task = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        task.cancel()


async def drive(
    port: int, cases: Iterator[Case], good: list[Question], seen: Seen, options: argparse.Namespace
) -> None:
    """Send all cases: slow ones on the side, for each takes as long as the server has patience."""
    places = asyncio.Semaphore(SLOW_AT_ONCE)
    slow: set[asyncio.Task[None]] = set()

    async def on_the_side(case: Case) -> None:
        async with places:
            way = alone if case.reads else unread
            seen.note(case, *await way(port, case, options.patience))

    async def client(number: int) -> None:
        connection = Connection(port)
        for turn, case in enumerate(cases, number):  # one iterator for all clients
            if case.pause or not case.reads:
                task = asyncio.create_task(on_the_side(case))
                slow.add(task)
                task.add_done_callback(slow.discard)
                continue
            outcome = await connection.send(case, options.patience)
            seen.note(case, outcome, connection.head + connection.body)
            if turn % GOOD_EVERY == 0:
                await ask(connection, good[(turn // GOOD_EVERY) % len(good)], seen, options.patience)
            # What is generated and noted without a wait would keep other clients from their answers.
            await asyncio.sleep(0)
        connection.close()

    await asyncio.gather(*(client(number) for number in range(options.clients)))
    if slow:
        await asyncio.wait(slow)


async def ask(connection: "Connection", question: Question, seen: Seen, patience: float) -> None:
    """Ask a good question, which must be answered rightly."""
    data, right, number = question
    began = time.perf_counter()
    outcome = await connection.send(Case("good", data, passes=True), patience)
    if outcome == "200" and right(number, connection.head, connection.body):
        seen.good.append(time.perf_counter() - began)
    else:
        seen.fault(f"a good question was answered {outcome}", data)


class Connection:
    """A client's connection, opened anew where the server or a case ended it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.head = self.body = b""

    async def send(self, case: Case, patience: float) -> str:
        """Send a case and return what came of it."""
        for attempt in (1, 2):
            fresh = self.streams is None
            try:
                async with asyncio.timeout(patience):
                    if self.streams is None:
                        self.streams = await asyncio.open_connection("127.0.0.1", self.port)
                    reader, writer = self.streams
                    writer.write(case.data)
                    if case.abandons:
                        await writer.drain()
                        self.close()
                        return "abandoned"
                    status = await self._answer(reader)
            except TimeoutError:
                self.close()
                return "hang"
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self.close()
                if fresh or attempt == 2:
                    return "closed"
                continue  # the server had closed it after the last answer: that is not this case's doing
            # Whatever of the bytes was not part of one request would be read as the next.
            if case.closes or b"connection: close" in self.head.lower():
                self.close()
            return status
        raise AssertionError

    async def _answer(self, reader: asyncio.StreamReader) -> str:
        self.head = b"HTTP/1.1 100"
        while self.head[9:12] == b"100":
            self.head = await reader.readuntil(serving_load.END)
        length = serving_load.header(self.head, "content-length")
        self.body = await reader.readexactly(int(length)) if length else b""
        return self.head[9:12].decode("latin-1")

    def close(self) -> None:
        """Hang up."""
        if self.streams is not None:
            self.streams[1].transport.abort()
            self.streams = None


async def alone(port: int, case: Case, patience: float) -> tuple[str, bytes]:
    """Send a slow client's bytes one at a time; return how the server ended it, and its answer."""
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            dribbling = asyncio.create_task(dribble(writer, case))
            try:
                head = await reader.readuntil(serving_load.END)
                length = serving_load.header(head, "content-length")
                body = await reader.readexactly(int(length)) if length else b""
                return head[9:12].decode("latin-1"), head + body
            finally:
                dribbling.cancel()
                writer.transport.abort()
    except TimeoutError:
        return "hang", b""
    except (OSError, asyncio.IncompleteReadError):
        return "closed", b""


async def unread(port: int, case: Case, patience: float) -> tuple[str, bytes]:
    """Send requests and read nothing; return whether the server ended it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            async with asyncio.timeout(patience):
                await loop.sock_connect(client, ("127.0.0.1", port))
                while True:
                    await loop.sock_sendall(client, case.data)
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return "hang", b""
        except OSError:
            return "closed", b""


async def dribble(writer: asyncio.StreamWriter, case: Case) -> None:
    """Send all but the last bytes of a request at once and those slowly."""
    at = max(0, len(case.data) - 200)
    writer.write(case.data[:at])
    for byte in case.data[at:]:
        await asyncio.sleep(case.pause)
        writer.write(bytes([byte]))


if __name__ == "__main__":
    main()
