"""Chainrule's own connections beside the servers of ASGI that could carry its application instead.

The very same application (serving_asgi.py), one process, uvloop, under uvicorn, granian and hypercorn in turn, and
`chainrule serve`, whose connections also bound what a client may do; with --before, `chainrule serve` of another
checkout as well. The bundles are those of --bundles, each served in the variant that it ships. Requests/s, p50 and p99
for 1 and 64 clients, JSON and binary tensors, --rounds times; and the ratio of the requests/s to --before's (without
it, to uvicorn's) in the same round.

Granian and hypercorn are no dependencies: `uv pip install --target FOLDER granian hypercorn`, and --tools FOLDER.

Target, with --before: at least 0.95 of its requests/s, by the median over cells and rounds.
"""

import argparse
import functools
import importlib.metadata
import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common
import numpy as np
import serving_load
import serving_models
import serving_servers

from chainrule.serving import bundle, runtime
from chainrule.serving.limits import Limits

CLIENTS = (1, 64)
WIRES = {"json": serving_servers.JSON, "binary": serving_servers.BINARY}
COMMANDS = {
    "uvicorn": "uvicorn serving_asgi:app --port {} --loop uvloop --http httptools --no-access-log --log-level warning",
    "granian": "granian serving_asgi:app --port {} --interface asgi --loop uvloop --http 1 --no-ws --log-level warning",
    "hypercorn": "hypercorn serving_asgi:app --bind 127.0.0.1:{} --worker-class uvloop --log-level warning",
}
Measured = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--tools", type=Path, help="the folder that granian and hypercorn were installed into")
    parser.add_argument("--before", type=Path, help="a checkout whose `chainrule serve` is measured as well")
    parser.add_argument("--bundles", type=Path, default=common.ROOT / "models" / "onnx", help="folder of bundles")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server")
    parser.add_argument("--seconds", type=float, default=1.2, help="measured in each cell and round")
    options = parser.parse_args()
    servers = [
        "chainrule",
        *["before"] * bool(options.before),
        "uvicorn",
        *["granian", "hypercorn"] * bool(options.tools),
    ]
    names = sorted(path.parent.name for path in options.bundles.glob("*/SHA256SUMS"))
    if not names:
        common.stop(f"{options.bundles} holds no bundle; run `dvc repro`, or name another folder with --bundles")
    at_start = common.machine()
    rounds: list[dict[str, Measured]] = []
    with common.temporary_folder() as folder:
        for name in names:
            shutil.copytree(options.bundles / name, folder / "models" / "onnx" / name)
        for number in range(options.rounds):
            shift = number % len(servers)  # another one first in each round
            turns = servers[shift:] + servers[:shift]
            rounds.append({name: measure(name, folder, names, options) for name in turns})
    beside = "before" if options.before else "uvicorn"
    figures = {"servers": {name: summary([each[name] for each in rounds]) for name in servers}}
    figures["ratios"] = {name: ratios(rounds, name, beside) for name in servers if name != beside}
    if options.before:
        figures["target"] = common.target(
            "requests/s, of those before", figures["ratios"]["chainrule"]["median"], ">=", 0.95
        )
    kept = {"rounds": options.rounds, "seconds": options.seconds, "bundles": names, "beside": beside}
    common.write_result(
        options.results, "serving_hosts", at_start, kept, figures | {"versions": versions(options.tools)}
    )


def measure(server: str, folder: Path, names: list[str], options: argparse.Namespace) -> Measured:
    """Start a server, load it with every bundle, wire and number of clients, and stop it."""
    found: Measured = {}
    with running(server, folder, options) as up:
        for name in names:
            inputs, expected = questions(folder / "models" / "onnx" / name)
            for wire_name, wire in WIRES.items():
                right = serving_servers.checker(wire, expected, serving_models.TOLERANCE)
                requests = [wire.request(name, each) for each in inputs]
                for clients in CLIENTS:
                    loaded = serving_load.closed_loop(up.port, requests, clients, options.seconds, right)
                    found[f"{name}/{wire_name}/{clients}"] = loaded.figures()
        found["memory"] = serving_servers.memory(up.process.pid)
    rates = ", ".join(f"{cell} {each['requests_per_second']:.0f}/s" for cell, each in found.items() if cell != "memory")
    print(f"{server}: {rates}", flush=True)
    return found


@functools.cache
def questions(folder: Path) -> tuple[list[dict[str, np.ndarray]], list[np.ndarray]]:
    """Return requests of one item each for a bundle, and what the variant that it ships for a CPU answers."""
    content = bundle.read(folder, folder.name, "0")
    session = runtime.open_session(content, None, "cpu", 1, Limits())
    generator = np.random.default_rng(7)
    inputs = []
    for _ in range(64):
        made = {}
        for tensor in content.inputs:
            shape = [1, *(size or serving_models.TOKENS for size in tensor.shape[1:])]
            kind = runtime.NUMPY[tensor.datatype]
            if tensor.name == "attention_mask":
                made[tensor.name] = np.ones(shape, kind)
            else:
                made[tensor.name] = generator.integers(5, content.highest.get(tensor.name, 255), shape).astype(kind)
        inputs.append(made)
    return inputs, [session.run(each)[content.outputs[0].name] for each in inputs]


@contextmanager
def running(name: str, root: Path, options: argparse.Namespace) -> Iterator[serving_servers.Running]:
    """Start a server and give it once it is ready; stop it afterwards."""
    port = serving_servers.free_port()
    source = options.before.resolve() / "src" if name == "before" else common.ROOT / "src"
    paths = [source, common.ROOT / "benchmarks"]
    if name in ("granian", "hypercorn"):
        paths.append(options.tools.resolve())
    env = serving_servers.clean_environment() | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "SERVING_ROOT": str(root),
    }
    if name in COMMANDS:
        command = [sys.executable, "-m", *COMMANDS[name].format(port).split()]
    else:
        command = serving_servers.SERVERS["chainrule"].command(Path(), root, port, "")
    with serving_servers.started(command, env, "/v2/health/ready", port, root) as up:
        yield up


def summary(found: list[Measured]) -> Measured:
    """Return the spreads of one server over the rounds."""
    cells = {
        cell: {
            key: common.spread([each[cell][key] for each in found], 3)
            for key in ("requests_per_second", "p50_ms", "p99_ms")
        }
        | {key: sum(each[cell][key] for each in found) for key in ("requests", "checked", "failed")}
        for cell in found[0]
        if cell != "memory"
    }
    return {"cells": cells, "resident_mb": common.spread([each["memory"]["resident_mb"] for each in found], 1)}


def ratios(rounds: list[dict[str, Measured]], name: str, beside: str) -> Measured:
    """Return and print a server's requests/s over another's, round by round and cell by cell."""
    cells = {
        cell: [each[name][cell]["requests_per_second"] / each[beside][cell]["requests_per_second"] for each in rounds]
        for cell in rounds[0][name]
        if cell != "memory"
    }
    for cell, found in cells.items():
        print(f"{name} over {beside}, {cell}: {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})")
    whole = common.spread([value for found in cells.values() for value in found], 3)
    print(f"{name} over {beside}: {whole['median']:.3f} ({whole['min']:.3f} to {whole['max']:.3f})")
    return whole | {"cells": {cell: common.spread(found, 3) for cell, found in cells.items()}}


def versions(tools: Path | None) -> dict[str, str]:
    """Return the versions of what was compared."""
    found = {name: importlib.metadata.version(name) for name in ("fastapi", "httptools", "uvicorn", "uvloop")}
    places = importlib.metadata.distributions(path=[str(tools)]) if tools else ()
    return found | {each.name: each.version for each in places if each.name in COMMANDS}


if __name__ == "__main__":
    main()
