"""What a row of a table costs: a request of raw values beside the bare session, and a file of rows.

A net for tables with random weights (fourteen columns as the adult data set has them: six numbers, eight categories)
is exported as the stage `export` does it and served by `chainrule serve`, the client on the same cores.

1. Latency: one client asks for one row, by the plain route in JSON, as BYTES of the protocol, and as the graph's own
   tensors; p50 and p99 beside the p50 of a bare `session.run` of the same graph and row.
2. `chainrule predict` on a CSV of --rows rows: rows per second and peak memory.

Target: a request of raw values at most 1 ms over the bare session in p50.
"""

import csv
import json
import os
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
        columns[f"number {at}"] = [
            None if gap else value for value, gap in zip(numbers.tolist(), rng.random(count) < 0.05, strict=True)
        ]
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
            tally = serving_load.closed_loop(up.port, requests, 1, seconds, lambda *_: True)
            if tally.failed:
                common.stop(f"{way}: {tally.failed} requests failed: {dict(tally.statuses)}")
            found[way] = tally.figures()
    return found


def in_bytes(row: Row) -> bytes:
    """Return a request of the protocol for a row."""
    given = {"name": "row", "datatype": "BYTES", "shape": [1], "data": [json.dumps(row)]}
    return json.dumps({"inputs": [given]}).encode()


def tensors(inputs: dict[str, np.ndarray]) -> bytes:
    """Return a request of the protocol for the graph's own inputs."""
    kinds = {"float32": "FP32", "int64": "INT64"}
    given = [
        {
            "name": name,
            "datatype": kinds[str(array.dtype)],
            "shape": array.shape,
            "data": [None if value != value else value for value in array.ravel().tolist()],
        }
        for name, array in inputs.items()
    ]
    return json.dumps({"inputs": given}).encode()


def scored(root: Path, count: int) -> dict[str, Any]:
    """Return how long `chainrule predict` takes for a file of so many rows, and its peak memory."""
    found = rows(count, seed=2)
    file = root / "rows.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    command = [sys.executable, "-m", "chainrule.cli", "predict", "rows", str(file), "--out", str(root / "answers.csv")]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--root", str(root)], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        common.stop("`chainrule predict` failed")
    figures = {"rows": count, "seconds": round(seconds, 2), "rows_per_second": round(count / seconds)}
    return figures | {"peak_mib": round(usage.ru_maxrss / 1024)}


def summary(rounds: list[dict[str, Any]], file: dict[str, Any]) -> dict[str, Any]:
    """Return the figures' spreads, and the verdict."""
    found = {
        way: {
            key: common.spread([each[way][key] for each in rounds])
            for key in ("p50_ms", "p99_ms")
            if key in rounds[0][way]
        }
        for way in rounds[0]
    }
    over = statistics.median(each["plain"]["p50_ms"] - each["bare"]["p50_ms"] for each in rounds)
    met = common.target("a row of raw values over the bare session, p50", over, "<=", TARGET_MS, " ms")
    print(f"{file['rows']:,} rows of a CSV: {file['rows_per_second']:,} a second, at most {file['peak_mib']} MiB")
    return {"targets": {"added": met}, "latency": found, "file": file}


def write(net: str, folder: Path) -> None:
    """Write the bundle of a net with random weights, as the stage `export` does it, without scores."""
    import torch

    from chainrule.exporting import bundle, graph, signature
    from chainrule.fields import table as field
    from chainrule.nets.catalogue import DEFAULTS
    from chainrule.recipes.defaults import table as defaults
    from chainrule.tasks.table_classification import fields, model
    from chainrule.training import weights
    from chainrule.training.inputs import table as inputs

    rules = normalise()
    clean = [field.normalise(json.dumps(row), **rules)[0] for row in rows(ROWS_LEARNT)]
    tokenizer = defaults.DEFAULTS["pretrain"]["tokenizer"]
    facts = inputs.fit_facts([inputs.held(clean, field.decode)], tokenizer, None, rules)
    built = weights.build_net({"modality": "table", "net": {"name": net, **DEFAULTS[net]}}, facts, 0)
    target = {"classes": ["no", "yes"]}
    whole = model.build(built, facts, target).eval()
    traced = graph.to_onnx(
        whole, model.example(facts, 2, torch.Generator().manual_seed(0)), model.dynamic_shapes(facts)
    )
    described = {
        "version": signature.VERSION,
        "recipe": "rows",
        "task": "table_classification",
        "modality": "table",
        "net": {"name": net},
        "fields": signature.fields(fields.fields("table")),
        "inputs": signature.tensors(traced.graph.input),
        "outputs": signature.tensors(traced.graph.output),
        "target": {"kind": "label", **target},
        "padding": model.padding(facts),
        "preprocessing": {"row": inputs.preprocessing(facts, rules)},
        "scores": {},
        "versions": {},
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    content = traced.SerializeToString(deterministic=True)
    bundle.write(folder, content, described, "# rows\n\nRandom weights.\n", None)
    print(f"{net}: {sum(each.numel() for each in whole.parameters()):,} parameters, {len(content):,} bytes")


if __name__ == "__main__":
    if len(sys.argv) == 3 and not sys.argv[1].startswith("-"):
        write(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
