"""What `chainrule serve --observe` costs: servers with it and without, side by side, by turns.

Four servers run at once and are asked one at a time, in short bursts, another one first in each of --turns turns:
one observes nothing, one the same (what its bursts differ from the first one's is noise), one a tenth of the items
(what the documentation recommends) and one every item. 64 clients in a closed loop, JSON, the conv net and BERT-mini
(serving_models.py, fp32, random weights). Requests/s, p50, p99 and milliseconds of the server's processor time per
request (which other work on the machine hardly touches), the medians over the turns; for a server that observes also
what became of the items it chose (written, or dropped as the writer was behind) and the bytes of one.

The cost is the median, over the turns, of the requests/s lost beside the first server's in the same turn. The noise
is what three of four of the second server's turns stay below, gained or lost.

Targets: with a tenth observed no more is lost than the noise; nothing failed.
"""

import argparse
import re
import statistics
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import common
import psutil
import serving_load
import serving_models
import serving_servers

import serving

CLIENTS = 64
OFF, AGAIN, DEFAULT, ALL = "off", "off_again", "0.1", "1.0"
SERVERS = (OFF, AGAIN, DEFAULT, ALL)
WARM_UP_SECONDS = 0.2
OBSERVED = re.compile(r'^chainrule_observed_total\{model="(\w+)",outcome="(\w+)"\} (\S+)$', re.MULTILINE)
ANSWERED = re.compile(r"^chainrule_requests_total\{.*\} (\S+)$", re.MULTILINE)

Measured = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--turns", type=int, default=16, help="bursts of each server and model")
    parser.add_argument("--seconds", type=float, default=0.6, help="measured in each burst")
    options = parser.parse_args()
    at_start = common.machine()
    with common.temporary_folder() as folder:
        bundles = folder / "bundles"
        serving_models.make(*[(kind, 7, bundles / "models" / "onnx" / kind) for kind in serving.MODELS])
        figures = {model: summary(found) for model, found in measured(folder, bundles, options).items()}
    kept = {"turns": options.turns, "seconds": options.seconds, "clients": CLIENTS}
    common.write_result(options.results, "observe", at_start, kept, {"targets": verdicts(figures), **figures})


def measured(folder: Path, bundles: Path, options: argparse.Namespace) -> dict[str, dict[str, Measured]]:
    """Start the servers; return what each model's bursts were like for each server, and what it observed."""
    with ExitStack() as stack:
        up = {}
        for name in SERVERS:
            root = folder / name
            root.mkdir()
            (root / "models").symlink_to(bundles / "models")
            words = [] if name in (OFF, AGAIN) else ["--observe", name]
            up[name] = stack.enter_context(serving_servers.chainrule(root, "--device", "cpu", *words))
        found: dict[str, dict[str, Measured]] = {}
        for model in serving.MODELS:
            bursts: dict[str, list[Measured]] = {name: [] for name in SERVERS}
            for number in range(options.turns):
                shift = number % len(SERVERS)  # another one first in each turn
                for name in SERVERS[shift:] + SERVERS[:shift]:
                    bursts[name].append(burst(bundles, model, up[name], options.seconds))
                rates = [f"{name} {bursts[name][-1]['requests_per_second']:.0f}" for name in SERVERS]
                print(f"{model}, turn {number + 1}, requests/s: {', '.join(rates)}", flush=True)
            found[model] = {
                name: {
                    "bursts": bursts[name],
                    "items": outcomes(up[name].port, model),
                    "bytes": size(folder / name, model),
                }
                for name in SERVERS
            }
        return found


def burst(bundles: Path, model: str, up: serving_servers.Running, seconds: float) -> Measured:
    """Ask one server for a moment."""
    wire = serving_servers.JSON
    inputs, expected = serving.questions(bundles, model)
    right = serving_servers.checker(wire, expected, serving_models.TOLERANCE)
    requests = [wire.request(model, each) for each in inputs]
    before = answered(up.port), processor_seconds(up)
    found = serving_load.closed_loop(up.port, requests, CLIENTS, seconds, right, WARM_UP_SECONDS).figures()
    after = answered(up.port), processor_seconds(up)
    return found | {"processor_ms": 1000 * (after[1] - before[1]) / (after[0] - before[0])}


def processor_seconds(up: serving_servers.Running) -> float:
    """Return what the server has taken of the cores until now."""
    times = psutil.Process(up.process.pid).cpu_times()
    return float(times.user + times.system)


def size(root: Path, model: str) -> int:
    """Return the mean bytes of a line that was observed of a model; 0 of none."""
    paths = (root / "data" / "observed" / model).glob("*.jsonl")
    lines = [len(line) for path in paths for line in path.read_bytes().splitlines()]
    return round(statistics.mean(lines)) if lines else 0


def answered(port: int) -> int:
    """Return how many requests the server has answered."""
    return sum(int(float(count)) for count in re.findall(ANSWERED, page(port)))


def outcomes(port: int, model: str) -> dict[str, int]:
    """Return the items of a model that were observed or meant to be, by what became of them."""
    return {outcome: int(float(count)) for name, outcome, count in re.findall(OBSERVED, page(port)) if name == model}


def page(port: int) -> str:
    """Return a server's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def summary(found: dict[str, Measured]) -> Measured:
    """Return one model's spreads, and what each server loses beside the first."""
    said: Measured = {}
    first = [burst["requests_per_second"] for burst in found[OFF]["bursts"]]
    for name, each in found.items():
        bursts = each["bursts"]
        said[name] = {
            key: common.spread([burst[key] for burst in bursts], 3)
            for key in ("requests_per_second", "p50_ms", "p99_ms", "processor_ms")
        } | {key: sum(burst[key] for burst in bursts) for key in ("requests", "checked", "failed")}
        if name != OFF:
            rates = [burst["requests_per_second"] for burst in bursts]
            lost = [1 - rate / other for rate, other in zip(rates, first, strict=True)]
            said[name]["lost_share"] = common.spread(lost, 4)
        if each["items"]:
            said[name] |= {"items": each["items"], "bytes_per_item": each["bytes"]}
    apart = [abs(share) for share in said[AGAIN]["lost_share"]["values"]]
    said["noise"] = round(statistics.quantiles(apart, n=4)[2], 4)
    return said


def verdicts(figures: Measured) -> Measured:
    """Print and return what was to be reached, and print what observing everything costs."""
    found: Measured = {}
    for model, each in figures.items():
        what = f"{model}, requests/s lost with a tenth observed"
        found[model] = common.target(what, each[DEFAULT]["lost_share"]["median"], "<=", each["noise"])
        for name in (AGAIN, ALL):
            print(f"{model}, requests/s lost, {name}: {each[name]['lost_share']['median']:.3f}")
        times = ", ".join(f"{name} {each[name]['processor_ms']['median']:.3f}" for name in SERVERS)
        print(f"{model}, ms of processor time per request: {times}")
        print(f"{model}, with everything observed: {each[ALL]['items']}, {each[ALL]['bytes_per_item']} bytes an item")
    failed = sum(figures[model][name]["failed"] for model in figures for name in SERVERS)
    return found | {"failed": common.target("failed requests", failed, "<=", 0)}


if __name__ == "__main__":
    main()
