"""The server beside what a user would have otherwise, and beside the bare ONNX Runtime session.

Everything runs on one machine, the client on the same cores as the server, one server at a time; servers take turns
for --rounds rounds, and a figure is the median of its rounds. Random weights, fp32 (serving_models.py).

1. Latency added: one client of a net so small that a request is almost all overhead (8×8 pixels), against the p50 of
   a bare `session.run` of the same graph at batch 1.
2. Closed loop, 1, 16 and 64 clients, one item a request: BERT-mini (4 layers, 256 wide, 32 tokens) and a conv net of
   0.6M parameters at 3×32×32 (float32), asked in JSON and, where a server knows them, with binary tensors. Peers, each
   with two processes or workers of one thread: FastAPI under uvicorn without batching, as its documentation has it;
   the same made for speed (raw body, orjson, no checks), against which no target is held; BentoML, LitServe and
   MLServer with batching; `mlflow models serve` (all in serving_peers/). A sample of the answers is compared with the
   bare session's. Requests/s, p50, p99, memory of the process tree, start to ready.
3. Start to ready and memory with the bundles of --default, which are those of a clone where the chain has run.

The peers' virtual environments are made beforehand by `benchmarks/serving_peers/make.sh FOLDER` and named by --peers.

Targets: added latency at most 1 ms; at 64 clients, JSON, at least 1.25 times the requests/s of the best peer, with a
p99 of at most a third of the lowest of theirs; with binary tensors at least 0.8 of the best of the bare session; one
client not slower than FastAPI; ready within 2 s; resident at most 250 MB.
"""

import argparse
import functools
import json
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import common
import numpy as np
import serving_bare
import serving_load
import serving_models
import serving_servers
from serving_models import Arrays
from serving_servers import SERVERS

MODELS = ("bert_mini", "conv")
BY_HAND = "fastapi_by_hand"  # no product, but what its parts could do: stands beside the targets
CLIENTS = (1, 16, 64)
SMALL = "small"
REQUESTS = 64  # different ones per model
WARM_UP_SECONDS = 0.7
PACKAGES = ("fastapi", "onnxruntime-gpu", "orjson", "starlette", "uvicorn", "uvloop")

Measured = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--peers", type=Path, help="folder with the peers' virtual environments; none: no peers")
    parser.add_argument("--default", type=Path, default=common.ROOT / "models" / "onnx", help="bundles for part 3")
    parser.add_argument("--servers", nargs="*", choices=SERVERS, default=list(SERVERS), help="these alone")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server")
    parser.add_argument("--seconds", type=float, default=2.2, help="measured in each cell and round")
    parser.add_argument("--name", default="serving", help="name of the file of figures")
    options = parser.parse_args()
    check(options)
    at_start = common.machine()
    with common.temporary_folder() as folder:
        prepare(folder, options)
        rounds = []
        for number in range(options.rounds):
            bare = bare_sessions(folder, options.seconds / 3)
            # Another one first in each round: no server always has the machine fresh or hot.
            shift = number % len(options.servers)
            turns = options.servers[shift:] + options.servers[:shift]
            servers = {name: measure(name, folder, options, number + 1) for name in turns}
            rounds.append({"bare": bare, "servers": servers, "added": added(folder, options.seconds, bare)})
        default = [ready_with_defaults(folder) for _ in range(options.rounds)]
    figures = summary(rounds, default, options)
    kept = {name: getattr(options, name) for name in ("servers", "rounds", "seconds")}
    common.write_result(options.results, options.name, at_start, kept, figures)


def check(options: argparse.Namespace) -> None:
    """End the benchmark if something it needs is not there."""
    if options.peers is None:
        options.servers = [name for name in options.servers if SERVERS[name].environment is None]
    for name in options.servers:
        environment = SERVERS[name].environment
        if environment and not (options.peers / environment / "bin" / "python").exists():
            common.stop(f"{options.peers} has no environment {environment}; make it with serving_peers/make.sh")
    if options.peers is not None:
        options.peers = options.peers.resolve()
    if not any(options.default.glob("*/SHA256SUMS")):
        common.stop(f"{options.default} holds no bundle; run `dvc repro`, or name another folder with --default")


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """Write the bundles: root/ has the compared models, small/ the small one, default/ a copy of the default ones."""
    bundles = [(kind, 7, folder / "root" / "models" / "onnx" / kind) for kind in MODELS]
    serving_models.make(*bundles, (SMALL, 7, folder / "small" / "models" / "onnx" / SMALL))
    for bundle in sorted(path.parent for path in options.default.glob("*/SHA256SUMS")):
        shutil.copytree(bundle, folder / "default" / "models" / "onnx" / bundle.name)
    if "mlflow" in options.servers:
        command = [options.peers / "mlflow" / "bin" / "python", serving_servers.PEERS / "peer_mlflow.py"]
        env = {"SERVING_ROOT": str(folder / "root"), "DO_NOT_TRACK": "true", "HOME": str(folder)}
        ended = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            common.stop(f"the models for mlflow could not be saved:\n{ended.stderr[-2000:]}")


def bare_sessions(folder: Path, seconds: float) -> Measured:
    """Measure the bare session on every model, in a process of its own."""
    found: Measured = {}
    for root, names in (("root", MODELS), ("small", (SMALL,))):
        command = [sys.executable, serving_bare.__file__, str(folder / root), str(seconds), *names]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            common.stop(f"the bare session failed:\n{ended.stderr[-2000:]}")
        found |= json.loads(ended.stdout.splitlines()[-1])
    for name, each in found.items():
        rates = [f"{each['default'][size]['items_per_second']:.0f}" for size in each["default"]]
        print(f"bare session, {name}: {' / '.join(rates)} items/s at batch 1 / 8 / 32", flush=True)
    return found


def measure(name: str, folder: Path, options: argparse.Namespace, number: int) -> Measured:
    """Start a server, load it with every model, number of clients and wire, and stop it."""
    server = SERVERS[name]
    root = folder / "root"
    found: Measured = {"cells": {}, "ready_seconds": [], "memory_at_start": [], "memory_after": []}
    # A server of one model alone gets a process tree per model, which has to hold but that one.
    for models in [[model] for model in MODELS] if server.one_model else [list(MODELS)]:
        with serving_servers.running(name, root, options.peers or folder, models[0]) as up:
            found["ready_seconds"].append(up.ready_seconds)
            found["memory_at_start"].append(serving_servers.memory(up.process.pid))
            for model in models:
                for wire in server.wires:
                    for clients in CLIENTS:
                        figures = cell(name, root, model, wire, clients, up.port, options.seconds)
                        found["cells"][f"{model}/{wire}/{clients}"] = figures
                        print(
                            f"round {number}, {name}, {model}, {wire}, {clients} clients: "
                            f"{figures['requests_per_second']:.0f} requests/s, p50 {figures['p50_ms']:.2f} ms, "
                            f"p99 {figures['p99_ms']:.1f} ms"
                            + f", {figures['failed']} FAILED"
                            * bool(figures["failed"]),
                            flush=True,
                        )
            found["memory_after"].append(serving_servers.memory(up.process.pid))
    return found


def cell(name: str, root: Path, model: str, wire_name: str, clients: int, port: int, seconds: float) -> Measured:
    """Measure one model by one wire with so many clients."""
    wire = SERVERS[name].wires[wire_name]
    inputs, expected = questions(root, model)
    right = serving_servers.checker(wire, expected, serving_models.TOLERANCE)
    requests = [wire.request(model, each) for each in inputs]
    return serving_load.closed_loop(port, requests, clients, seconds, right, WARM_UP_SECONDS).figures()


@functools.cache
def questions(root: Path, model: str) -> tuple[list[Arrays], list[np.ndarray]]:
    """Return what a model is asked, and the logits that are right."""
    inputs = serving_models.examples(model, REQUESTS)
    return inputs, serving_models.expected(root / "models" / "onnx" / model, inputs)


def added(folder: Path, seconds: float, bare: Measured) -> Measured:
    """Measure what the server adds to a bare run of the small net for one client, in milliseconds of p50."""
    found: Measured = {}
    root = folder / "small"
    with serving_servers.running("chainrule", root, folder, SMALL) as up:
        for wire in SERVERS["chainrule"].wires:
            figures = cell("chainrule", root, SMALL, wire, 1, up.port, seconds)
            over = figures["p50_ms"] - bare[SMALL]["default"]["1"]["p50_ms"]
            found[wire] = {"p50_ms": figures["p50_ms"], "p99_ms": figures["p99_ms"], "added_ms": over}
            print(
                f"one client of the small net, {wire}: p50 {figures['p50_ms']:.3f} ms, {over:.3f} ms added", flush=True
            )
    return found


def ready_with_defaults(folder: Path) -> Measured:
    """Start the server on the default bundles; return seconds until ready and its memory then."""
    with serving_servers.running("chainrule", folder / "default", folder, "") as up:
        return {"ready_seconds": up.ready_seconds, **serving_servers.memory(up.process.pid)}


def summary(rounds: list[Measured], default: list[Measured], options: argparse.Namespace) -> Measured:
    """Return medians and spreads over the rounds, and the verdicts."""
    bare = {model: bare_summary([each["bare"][model] for each in rounds]) for model in (*MODELS, SMALL)}
    servers = {name: server_summary([each["servers"][name] for each in rounds]) for name in options.servers}
    latency = {
        wire: {key: common.spread([each["added"][wire][key] for each in rounds]) for key in rounds[0]["added"][wire]}
        for wire in rounds[0]["added"]
    }
    started = {key: common.spread([each[key] for each in default], 3) for key in default[0]}
    return {
        "targets": verdicts(bare, servers, latency, started),
        "added_latency": latency,
        "bare_session": bare,
        "servers": servers,
        "default_bundles": {"bundles": sorted(path.parent.name for path in options.default.glob("*/SHA256SUMS"))}
        | started,
        "versions": {name: version(name) for name in PACKAGES} | peer_versions(options),
    }


def bare_summary(found: list[Measured]) -> Measured:
    """Return the spreads of one model's bare sessions."""
    return {
        way: {
            f"batch_{size}": {
                key: common.spread([each[way][size][key] for each in found], 3) for key in found[0][way][size]
            }
            for size in found[0][way]
        }
        for way in ("default", "one_thread_each")
    } | {"one_thread_p50_ms": common.spread([each["one_thread_p50_ms"] for each in found])}


def server_summary(found: list[Measured]) -> Measured:
    """Return the spreads of one server."""
    cells = {
        name: {
            "requests_per_second": common.spread([each["cells"][name]["requests_per_second"] for each in found], 1),
            "p50_ms": common.spread([each["cells"][name]["p50_ms"] for each in found], 3),
            "p99_ms": common.spread([each["cells"][name]["p99_ms"] for each in found], 2),
            **{key: sum(each["cells"][name][key] for each in found) for key in ("requests", "checked", "failed")},
        }
        for name in found[0]["cells"]
    }
    # Of servers that hold one model each, the larger one.
    memory = {
        when: {
            key: common.spread([max(tree[key] for tree in each[when]) for each in found], 1)
            for key in found[0][when][0]
        }
        for when in ("memory_at_start", "memory_after")
    }
    ready = common.spread([max(each["ready_seconds"]) for each in found], 3)
    return {"cells": cells, "ready_seconds": ready, **memory}


def verdicts(bare: Measured, servers: Measured, latency: Measured, started: Measured) -> Measured:
    """Print and return what was to be reached."""
    found: Measured = {}
    for wire, figures in latency.items():
        what = f"added to a bare session.run, {wire}"
        found[f"added_ms/{wire}"] = common.target(what, figures["added_ms"]["median"], "<=", 1.0, " ms")
    found["ready_seconds"] = common.target(
        "start to ready, default bundles", started["ready_seconds"]["median"], "<=", 2.0, " s"
    )
    found["resident_mb"] = common.target(
        "resident, default bundles", started["resident_mb"]["median"], "<=", 250.0, " MB"
    )
    failed = sum(
        each["failed"] for name, one in servers.items() for each in one["cells"].values() if name == "chainrule"
    )
    found["failed"] = common.target("failed requests", failed, "<=", 0)
    if "chainrule" not in servers:
        return found
    ours = servers["chainrule"]["cells"]
    peers = {name: each["cells"] for name, each in servers.items() if name not in ("chainrule", BY_HAND)}

    def of(cells: Measured, cell_name: str, key: str) -> float:
        return float(cells[cell_name][key]["median"])

    for model in MODELS:
        best_bare = max(each["items_per_second"]["median"] for each in bare[model]["default"].values())
        share = of(ours, f"{model}/binary/64", "requests_per_second") / best_bare
        found[f"{model}/binary/of_bare"] = common.target(f"{model}, binary, of the bare session", share, ">=", 0.8)
        name = f"{model}/json/64"
        if peers:
            best = max(peers, key=lambda peer: of(peers[peer], name, "requests_per_second"))
            ratio = of(ours, name, "requests_per_second") / of(peers[best], name, "requests_per_second")
            verdict = common.target(f"{model}, JSON, 64 clients, over {best}", ratio, ">=", 1.25)
            found[f"{model}/json/over_best_peer"] = {"peer": best, **verdict}
            calm = min(peers, key=lambda peer: of(peers[peer], name, "p99_ms"))
            ratio = of(ours, name, "p99_ms") / of(peers[calm], name, "p99_ms")
            verdict = common.target(f"{model}, JSON, 64 clients, p99 over {calm}'s", ratio, "<=", 0.333)
            others = statistics.median(of(each, name, "p99_ms") for each in peers.values())
            found[f"{model}/json/p99"] = {"peer": calm, **verdict, "median_of_peers_ms": others}
        if "fastapi" in peers:
            name = f"{model}/json/1"
            ratio = of(ours, name, "requests_per_second") / of(peers["fastapi"], name, "requests_per_second")
            found[f"{model}/json/one_client"] = common.target(f"{model}, one client, over FastAPI", ratio, ">=", 1.0)
        if BY_HAND in servers:
            name = f"{model}/json/64"
            ratio = of(ours, name, "requests_per_second") / of(servers[BY_HAND]["cells"], name, "requests_per_second")
            print(f"{model}, JSON, 64 clients, over {BY_HAND}: {ratio:.2f}")
            found[f"{model}/json/over_by_hand"] = {"value": round(ratio, 3)}
    return found


def peer_versions(options: argparse.Namespace) -> Measured:
    """Return what is installed in the peers' environments that decides their figures."""
    found: Measured = {}
    code = (
        "import importlib.metadata as m, json; "
        "names = ('bentoml', 'fastapi', 'litserve', 'mlflow', 'mlserver', 'numpy', 'onnxruntime', 'orjson', 'uvicorn', "
        "'uvloop'); "
        "have = {d.metadata['Name'].lower(): d.version for d in m.distributions()}; "
        "print(json.dumps({n: have[n] for n in names if n in have}))"
    )
    for name in options.servers:
        environment = SERVERS[name].environment
        if environment:
            command = [options.peers / environment / "bin" / "python", "-c", code]
            found[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


if __name__ == "__main__":
    main()
