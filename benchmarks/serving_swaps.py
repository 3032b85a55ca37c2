"""Champions swapped under full load: is any request lost, or answered by another version than the answer names?

Two versions of a small net, whose logits differ for every input, lie in the store of served bundles. While --clients
clients ask without a pause, half of them in JSON and half with binary tensors, the champion is switched between the
two --swaps times: by turns the server is told by a load call, and left to notice that champion.json was replaced. A
swap is over when an answer names the new version. Every answer's logits are compared with those of the version that its
body and its header name.

Also given: requests/s and latencies with swaps and without, and memory before and after.

Targets: no request lost or failed, no answer with the logits of another version.
"""

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import orjson
import serving_load
import serving_models
import serving_servers
from serving_servers import BINARY, JSON, Wire

KIND = "small"
VERSIONS = {"1": 7, "2": 8}  # seeds of their weights
REQUESTS = 64
TOKEN = "not-a-secret-of-anybody"
SWAP_SECONDS = 20.0
QUIET_SECONDS = 5.0


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--clients", type=int, default=64)
    options = parser.parse_args()
    at_start = common.machine()
    with common.temporary_folder() as folder:
        store = folder / "models" / "served" / KIND
        bundles = {version: store / version / "bundle" for version in VERSIONS}
        serving_models.make(*[(KIND, VERSIONS[version], bundle) for version, bundle in bundles.items()])
        promote(store, "1")
        answers = Answers(bundles)
        with serving_servers.chainrule(folder, "--device", "cpu", token=TOKEN) as up:
            figures = serving_load.run(swap(up, store, answers, options.swaps, options.clients))
    figures["targets"] = {
        "failed": common.target("requests lost or failed", figures["failed"], "<=", 0),
        "mixed": common.target("answers not of the version they name", figures["wrong"], "<=", 0),
        "swaps": common.target("swaps done", figures["swaps"], ">=", options.swaps),
    }
    kept = {"swaps": options.swaps, "clients": options.clients}
    common.write_result(options.results, "serving_swaps", at_start, kept, figures)


class Answers:
    """The requests, what each version answers, and which version the last answer named."""

    def __init__(self, bundles: dict[str, Path]) -> None:
        inputs = serving_models.examples(KIND, REQUESTS)
        self.expected = {version: serving_models.expected(bundle, inputs) for version, bundle in bundles.items()}
        one, two = (np.concatenate(each) for each in self.expected.values())
        assert np.abs(one - two).max(axis=1).min() > 10 * serving_models.TOLERANCE
        self.wires: list[Wire] = [(JSON, BINARY)[number % 2] for number in range(REQUESTS)]
        self.requests = [with_token(wire.request(KIND, each)) for wire, each in zip(self.wires, inputs, strict=True)]
        self.of: dict[str, int] = dict.fromkeys(VERSIONS, 0)
        self.newest = ""
        self.since = 0.0
        """When an answer first named the newest."""
        self.streak = 0
        """Answers in a row that named the newest."""
        self.examples: list[str] = []

    def right(self, request: int, head: bytes, body: bytes) -> bool:
        """Whether an answer is that of the version it names, in its body and its header alike."""
        length = serving_load.header(head, "inference-header-content-length")
        version = str(orjson.loads(body[: int(length)] if length else body)["model_version"])
        expected = self.expected[version][request]
        found = self.wires[request].logits(head, body)
        self.of[version] += 1
        if version != self.newest:
            self.newest, self.since, self.streak = version, time.perf_counter(), 0
        self.streak += 1
        if serving_load.header(head, "x-chainrule-version") == version and (
            np.abs(found - expected).max() <= serving_models.TOLERANCE
        ):
            return True
        self.examples.append(f"{head!r} {body!r}"[:1000])
        return False


async def swap(up: serving_servers.Running, store: Path, answers: Answers, swaps: int, clients: int) -> dict[str, Any]:
    """Switch the champion to and fro under load; return what was seen."""
    seconds: dict[str, list[float]] = {"told": [], "noticed": []}
    async with serving_load.Load(up.port, answers.requests, clients, answers.right, every=1) as load:
        await asyncio.sleep(QUIET_SECONDS)
        quiet = load.take()
        before = serving_servers.memory(up.process.pid)
        for number in range(swaps):
            way = ("told", "noticed")[number % 2]
            seconds[way].append(await switch(up, store, "21"[number % 2], answers, way, 2 * clients))
            print(f"swap {number + 1} ({way}): {seconds[way][-1]:.2f} s", flush=True)
        await asyncio.sleep(1)  # what the last swap broke would show now
        busy = load.take()
    after = serving_servers.memory(up.process.pid)
    busy.lost += load.tally.lost
    wrong = quiet.wrong + busy.wrong
    for example in answers.examples[:3]:
        print(f"not of the version it names: {example}")
    return {
        "swaps": len(seconds["told"]) + len(seconds["noticed"]),
        "failed": quiet.failed + busy.failed - wrong,
        "wrong": wrong,
        "answers": {f"version_{version}": count for version, count in answers.of.items()},
        "seconds_per_swap": {way: common.spread(each, 3) for way, each in seconds.items() if each},
        "without_swaps": quiet.figures(),
        "with_swaps": busy.figures(),
        "memory_before": before,
        "memory_after": after,
    }


async def switch(up: serving_servers.Running, store: Path, version: str, answers: Answers, way: str, few: int) -> float:
    """Make a version champion; return the seconds until an answer named it.

    few: answers in a row that must name it before the swap is over, for the last of the old version may come late.
    """
    began = time.perf_counter()
    promote(store, version)
    if way == "told":
        await load_call(up.port)
    while answers.newest != version or answers.streak < few:
        if time.perf_counter() - began > SWAP_SECONDS:
            common.stop(f"version {version} did not answer within {SWAP_SECONDS:g} s:\n{serving_servers.tail(up.log)}")
        await asyncio.sleep(0.005)
    return answers.since - began


def promote(store: Path, version: str) -> None:
    """Write champion.json as a promotion does: beside it, then renamed."""
    sums = (store / version / "bundle" / "SHA256SUMS").read_bytes()
    champion = {
        "version": version,
        "digest": hashlib.sha256(sums).hexdigest(),
        "run_id": "benchmark",
        "promoted": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "from": None,
        "reason": "benchmark",
    }
    partial = store / "champion.json.partial"
    partial.write_bytes(orjson.dumps(champion))
    os.replace(partial, store / "champion.json")


async def load_call(port: int) -> None:
    """Tell the server to load what the store says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(with_token(serving_load.request(f"/v2/repository/models/{KIND}/load", b"")))
    head = await reader.readuntil(serving_load.END)
    if head[9:12] != b"200":
        common.stop(f"the load call was answered {head!r} {await reader.read(2000)!r}")
    writer.close()


def with_token(request: bytes) -> bytes:
    """Add the bearer token to a request."""
    line, _, rest = request.partition(b"\r\n")
    return b"%s\r\nAuthorization: Bearer %s\r\n%s" % (line, TOKEN.encode(), rest)


if __name__ == "__main__":
    main()
