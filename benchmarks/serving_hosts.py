"""Chainrule's own connections beside the servers of ASGI that could carry its application instead.

The very same application (serving_asgi.py), one process, uvloop, under uvicorn, granian and hypercorn, and
`chainrule serve`, whose connections also bound what a client may do; with --before, `chainrule serve` of another
checkout as well. The bundles are those of --bundles, each served in the variant that it ships. All servers are up at
once, and are loaded by turns: whatever else the machine does falls on all of them. Requests/s, p50 and p99 for 1 and 64
clients, JSON and binary tensors, --turns times; processor time per request, model included; and the ratio of the
requests/s to --before's (without it, to uvicorn's) in the same turn, and of its processor time to theirs.

Granian and hypercorn are no dependencies: `uv pip install --target FOLDER granian hypercorn`, and --tools FOLDER.

Target, with --before: at least 0.95 of its requests/s, by the median over cells and turns.
"""

import argparse
import functools
import importlib.metadata
import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
    parser.add_argument("--turns", type=int, default=8, help="of each server in each cell")
    parser.add_argument("--seconds", type=float, default=0.6, help="measured in each turn")
    options = parser.parse_args()
    names = sorted(path.parent.name for path in options.bundles.glob("*/SHA256SUMS"))
    if not names:
        common.stop(f"{options.bundles} holds no bundle; run `dvc repro`, or name another folder with --bundles")
    at_start = common.machine()
    servers = ["chainrule", *["before"] * bool(options.before), "uvicorn"]
    servers += ["granian", "hypercorn"] * bool(options.tools)
    with common.temporary_folder() as folder, ExitStack() as stack:
        ups = {}
        for server in servers:
            for name in names:
                shutil.copytree(options.bundles / name, folder / server / "models" / "onnx" / name)
            ups[server] = stack.enter_context(running(server, folder / server, options))
        measured = {
            f"{name}/{wire}/{clients}": measure(ups, options.bundles / name, WIRES[wire], clients, options)
            for name in names
            for wire in WIRES
            for clients in CLIENTS
        }
        memory = {server: serving_servers.memory(up.process.pid) for server, up in ups.items()}
    beside = "before" if options.before else "uvicorn"
    figures: Measured = {
        "cells": {cell: {server: summary(found) for server, found in each.items()} for cell, each in measured.items()},
        "memory": memory,
        "ratios": {
            key: {server: ratios(measured, server, beside, key) for server in servers if server != beside}
            for key in ("requests_per_second", "processor_ms")
        },
    }
    if options.before:
        ratio = figures["ratios"]["requests_per_second"]["chainrule"]["median"]
        figures["target"] = common.target("requests/s, of those before", ratio, ">=", 0.95)
    kept = {"turns": options.turns, "seconds": options.seconds, "bundles": names, "beside": beside}
    figures["versions"] = versions(options.tools)
    common.write_result(options.results, "serving_hosts", at_start, kept, figures)


def measure(
    ups: dict[str, serving_servers.Running],
    folder: Path,
    wire: serving_servers.Wire,
    clients: int,
    options: argparse.Namespace,
) -> dict[str, list[Measured]]:
    """Load the servers by turns with one bundle, wire and number of clients; return each one's figures by turn."""
    inputs, expected = questions(folder)
    right = serving_servers.checker(wire, expected, serving_models.TOLERANCE)
    requests = [wire.request(folder.name, each) for each in inputs]
    found: dict[str, list[Measured]] = {server: [] for server in ups}
    for turn in range(options.turns):
        shift = turn % len(ups)  # another one first in each turn
        for server in [*ups][shift:] + [*ups][:shift]:
            before = processor_seconds(ups[server])
            loaded = serving_load.closed_loop(ups[server].port, requests, clients, options.seconds, right, warm_up=0)
            spent = processor_seconds(ups[server]) - before
            figures = loaded.figures()
            found[server].append(figures | {"processor_ms": spent * 1000 / figures["requests"]})
    return found


def processor_seconds(up: serving_servers.Running) -> float:
    """Return the processor time that a server has taken, which other work on the machine changes little."""
    return sum(sum(each.cpu_times()[:2]) for each in serving_servers.family(up.process.pid))


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
    """Return the spreads of one server in one cell."""
    spreads = {
        key: common.spread([each[key] for each in found], 3)
        for key in ("requests_per_second", "p50_ms", "p99_ms", "processor_ms")
    }
    return spreads | {key: sum(each[key] for each in found) for key in ("requests", "checked", "failed")}


def ratios(measured: dict[str, dict[str, list[Measured]]], server: str, beside: str, key: str) -> Measured:
    """Return and print a server's figures over another's, turn by turn and cell by cell."""
    cells = {
        cell: [own[key] / other[key] for own, other in zip(found[server], found[beside], strict=True)]
        for cell, found in measured.items()
    }
    cells["all"] = [value for found in cells.values() for value in found]
    for cell, found in cells.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{key}, {server} over {beside}, {cell}: {middle:.3f} (quartiles {low:.3f} to {high:.3f})")
    spreads = {cell: common.spread(found, 3) for cell, found in cells.items()}
    return spreads.pop("all") | {"cells": spreads}


def versions(tools: Path | None) -> dict[str, str]:
    """Return the versions of what was compared."""
    found = {name: importlib.metadata.version(name) for name in ("fastapi", "httptools", "uvicorn", "uvloop")}
    places = importlib.metadata.distributions(path=[str(tools)]) if tools else ()
    return found | {each.name.lower(): each.version for each in places if each.name.lower() in COMMANDS}


if __name__ == "__main__":
    main()
