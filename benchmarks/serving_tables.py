"""What a row of a table costs: a request of raw values beside the bare session, and a file of rows.

A net for tables with random weights (fourteen columns as the adult data set has them: six numbers, eight categories)
is exported as the stage `export` does it and served by `chainrule serve`, the client on the same cores.

1. Latency: one client asks for one row, by the plain route in JSON, as BYTES of the protocol, and as the graph's own
   tensors; p50 and p99 beside the p50 of a bare `session.run` of the same graph and row.
2. `chainrule predict` on a CSV of --rows rows: rows per second and peak memory.

Target: a request of raw values at most 1 ms over the bare session in p50.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import serving_bare
import serving_load
import serving_servers

NAMES = {"number": 6, "category": 8}
VALUES = 12  # of a category
ROWS_LEARNT = 2_000
REQUESTS = 64
TARGET_MS = 1.0
Row = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--net", default="tabm", help="the net, by its name")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way to ask")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each turn")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the file")
    options = parser.parse_args()
    at_start = common.machine()
    with common.temporary_folder() as folder:
        bundle = folder / "models" / "onnx" / "rows"
        made = subprocess.run([sys.executable, __file__, options.net, str(bundle)], check=False, text=True)
        if made.returncode != 0:
            common.stop("the bundle could not be made")
        rounds = [turn(folder, bundle, options.seconds) for _ in range(options.rounds)]
        file = scored(folder, options.rows)
    figures = summary(rounds, file)
    kept = {name: getattr(options, name) for name in ("net", "rounds", "seconds", "rows")}
    common.write_result(options.results, "serving_tables", at_start, kept, figures)


def rows(count: int, seed: int = 0) -> list[Row]:
    """Return rows of raw values, some of them missing."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for at in range(NAMES["number"]):
        numbers = rng.lognormal(at, 1, count).round(2)
        columns[f"number {at}"] = [None if gap else value for value, gap in zip(numbers.tolist(), rng.random(count) < 0.05, strict=True)]
    for at in range(NAMES["category"]):
        columns[f"category {at}"] = [f"value {place}" for place in rng.integers(0, VALUES, count)]
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def normalise() -> dict[str, Any]:
    """Return clean.normalise of these rows."""
    from chainrule.recipes.defaults import table

    listed = {kind: [f"{kind} {at}" for at in range(count)] for kind, count in NAMES.items()}
    return {**table.DEFAULTS["clean"]["normalise"], **listed}


def turn(root: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Return latencies in milliseconds by way of asking, and that of the bare session."""
    from chainrule.serving import bundle as bundles
    from chainrule.serving import plain
    from chainrule.serving.limits import Limits

    bundle = bundles.read(folder, "rows", "")
    given = rows(REQUESTS, seed=1)
    inputs = [plain.prepare(bundle, {"row": row}, Limits()) for row in given]
    bare = serving_bare.loop(serving_bare.session(bundle.variants["fp32"], 1), inputs[0], seconds / 2)
    found = {"bare": {"p50_ms": serving_load.percentile(bare, 0.5) * 1000}}
    json_type = {"Content-Type": "application/json"}
    with serving_servers.chainrule(root) as up:
        ways = {
            "plain": [serving_load.request("/models/rows", json.dumps(row).encode(), json_type) for row in given],
            "bytes": [serving_load.request("/v2/models/rows/infer", in_bytes(row), json_type) for row in given],
            "tensors": [serving_load.request("/v2/models/rows/infer", tensors(each), json_type) for each in inputs],
        }
        for way, requests in ways.items():
            serving_load.closed_loop(up.port, requests, 1, 0.5, lambda *_: True)
            tally = serving_load.closed_loop(up.port, requests, 1, seconds, lambda *_: True)
            if tally.failed:
                common.stop(f"{way}: {tally.failed} requests failed: {dict(tally.statuses)}")
            found[way] = tally.figures()
    return found
