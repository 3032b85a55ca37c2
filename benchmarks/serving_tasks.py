"""The server beside the bare ONNX Runtime session, for bundles of any task.

Every bundle below --bundles (`models/onnx` of a checkout where recipes were built) is asked for made-up items: pixels
and samples at random, token 1, texts and sounds of --length at most where their length varies. A bundle that writes
token by token is left out: benchmarks/decoding.py is about those.

1. The bare session: items/s at batch 1, 8 and 32 by its defaults, and of as many sessions of one thread as there are
   cores, side by side, at the same batches. The best of the six counts.
2. `chainrule serve`, binary tensors both ways, the client on the same cores: 32 clients with one item a request, which
   the server has to put together, and 4 clients with eight, and with 32, the bare session's largest batch, unless the
   server finds that too large for one request.

Target: the best of these ways at least 0.8 of the bare session's best, median of --rounds turns. Where an item costs
far less than a request, the first way shows what a request costs instead; all are kept.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import common
import numpy as np
import serving_bare
import serving_load
import serving_servers

from chainrule.serving import bundle as bundles
from chainrule.serving import runtime

BATCHES = (1, 8, 32)
WAYS = {"one_item": (32, 1), "eight_items": (4, 8), "thirty_two_items": (4, 32)}
"""Clients, and items of each request."""
TOO_LARGE = 413
REQUESTS = 16
SHARE = 0.8
WARM_UP_SECONDS = 0.7
Arrays = dict[str, np.ndarray]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("names", nargs="*", help="bundles (default: all)")
    parser.add_argument("--bundles", type=Path, default=common.ROOT / "models" / "onnx", help="folder of the bundles")
    parser.add_argument("--length", type=int, default=64, help="of what varies: tokens; samples and pixels by hundreds")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the bare session and the server")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each turn and way")
    options = parser.parse_args()
    found = sorted(path.parent for path in options.bundles.glob("*/SHA256SUMS"))
    if missing := set(options.names) - {each.name for each in found}:
        common.stop(f"{options.bundles} holds no bundle {', '.join(sorted(missing))}")
    at_start = common.machine()
    figures: dict[str, Any] = {}
    for folder in found:
        if (options.names and folder.name not in options.names) or writes(folder):
            continue
        rounds = [turn(folder, options) for _ in range(options.rounds)]
        figures[folder.name] = summary(folder, rounds)
    kept = {"length": options.length, "rounds": options.rounds, "seconds": options.seconds}
    common.write_result(options.results, "serving_tasks", at_start, kept, figures)


def writes(folder: Path) -> bool:
    """Whether a bundle makes a text token by token."""
    signature = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
    return signature.get("decoding") is not None


def turn(folder: Path, options: Any) -> dict[str, Any]:
    """Measure the bare session, in a process of its own, and then the server on one bundle alone."""
    command = [sys.executable, __file__, "--bare", str(folder), str(options.length), str(options.seconds / 3)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        common.stop(f"{folder.name}: the bare session failed:\n{ended.stderr[-2000:]}")
    found = {"bare": json.loads(ended.stdout.splitlines()[-1])}
    bundle = bundles.read(folder, folder.name, "")
    with common.temporary_folder() as root:
        shutil.copytree(folder, root / "models" / "onnx" / folder.name)
        with serving_servers.chainrule(root, "--variant", "fp32") as up:
            for way, (clients, items) in WAYS.items():
                many = [feed(bundle, items, options.length, seed) for seed in range(REQUESTS)]
                requests = [serving_servers.oip_binary(folder.name, each) for each in many]
                tally = serving_load.closed_loop(
                    up.port, requests, clients, options.seconds, lambda *_: True, WARM_UP_SECONDS
                )
                if set(tally.statuses) == {TOO_LARGE}:
                    continue
                if tally.failed:
                    common.stop(f"{folder.name}: {tally.failed} requests failed: {dict(tally.statuses)}")
                of_way = tally.figures()
                found[way] = {"items_per_second": of_way["requests_per_second"] * items, "p99_ms": of_way["p99_ms"]}
    return found


def feed(bundle: bundles.Bundle, items: int, length: int, seed: int = 0) -> Arrays:
    """Return made-up inputs of a bundle's graph: so many items, as long as `length` says where that varies."""
    sizes = {}
    for axis in runtime.varying(bundle):
        if axis == bundles.WINDOWS:
            sizes[axis] = 1  # of a text that fits into one
            continue
        short = any(axis in tensor.axes and tensor.datatype == "INT64" for tensor in bundle.inputs)
        sizes[axis] = min(length if short else 100 * length, bundles.longest(bundle, axis) or length)
    rng = np.random.default_rng(seed)
    inputs: Arrays = {}
    for tensor in bundle.inputs:
        shape, kind = runtime.shape(tensor, items, sizes), runtime.NUMPY[tensor.datatype]
        if tensor.datatype == "UINT8":
            inputs[tensor.name] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif tensor.datatype.startswith("FP"):
            inputs[tensor.name] = rng.random(shape).astype(kind)
        else:
            inputs[tensor.name] = np.ones(shape, kind)
    return inputs


def bare(folder: Path, length: int, seconds: float) -> dict[str, float]:
    """Return items/s of the bare graph by batch, of one session by its defaults and of several side by side."""
    found, graph, bundle = {}, folder / "model.onnx", bundles.read(folder, folder.name, "")
    default = serving_bare.session(graph, None)
    for size in BATCHES:
        spent = serving_bare.loop(default, feed(bundle, size, length), seconds)
        found[f"default_{size}"] = size * len(spent) / sum(spent)
    del default  # its threads spin
    for size in BATCHES:
        inputs = feed(bundle, size, length)
        found[f"side_by_side_{size}"] = size * serving_bare.side_by_side(graph, inputs, seconds)
    return found


def summary(folder: Path, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the spreads of a bundle's figures, and the verdict."""
    task = json.loads((folder / "signature.json").read_text(encoding="utf-8"))["task"]
    taken = [way for way in WAYS if way in rounds[0]]
    keys = rounds[0][taken[0]]
    ways = {way: {key: common.spread([each[way][key] for each in rounds], 2) for key in keys} for way in taken}
    shares = {
        way: common.spread([each[way]["items_per_second"] / max(each["bare"].values()) for each in rounds], 3)
        for way in taken
    }
    best = max(shares, key=lambda way: shares[way]["median"])
    verdict = common.target(f"{folder.name} ({task}), {best}, of the bare session", shares[best]["median"], ">=", SHARE)
    bare_rates = {key: common.spread([each["bare"][key] for each in rounds], 1) for key in rounds[0]["bare"]}
    return {"task": task, "target": verdict, "share": shares, "server": ways, "bare_items_per_second": bare_rates}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        print(json.dumps(bare(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
    else:
        main()
