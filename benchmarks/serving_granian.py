"""Granian beside uvicorn: which of them carries Chainrule's application better?

The very same application (serving_asgi.py), one process, uvloop, under each of both in turn, --rounds times; beside
them `chainrule serve`, which is uvicorn with connections of its own. Models, requests and checks are serving.py's.
Requests/s, p50 and p99 for 1 and 64 clients, JSON and binary tensors; a figure is the median of its rounds.

Granian is no dependency: `uv pip install --no-deps --target FOLDER granian`, and --granian FOLDER.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import common
import serving_models
import serving_servers

import serving

CLIENTS = (1, 64)
UVICORN = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
GRANIAN = ["--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws", "--log-level", "warning"]
SERVERS = ("chainrule", "uvicorn", "granian")


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--granian", type=Path, required=True, help="the folder that granian was installed into")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server")
    parser.add_argument("--seconds", type=float, default=1.2, help="measured in each cell and round")
    options = parser.parse_args()
    if not (options.granian / "granian").is_dir():
        common.stop(f"{options.granian} holds no granian; uv pip install --no-deps --target {options.granian} granian")
    at_start = common.machine()
    cells: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in SERVERS}
    with common.temporary_folder() as folder:
        root = folder / "root"
        serving_models.make(*[(kind, 7, root / "models" / "onnx" / kind) for kind in serving.MODELS])
        for number in range(options.rounds):
            shift = number % len(SERVERS)  # another one first in each round
            for name in SERVERS[shift:] + SERVERS[:shift]:
                with running(name, root, options.granian.resolve()) as up:
                    for model in serving.MODELS:
                        for wire in ("json", "binary"):
                            for clients in CLIENTS:
                                found = serving.cell("chainrule", root, model, wire, clients, up.port, options.seconds)
                                cells[name].setdefault(f"{model}/{wire}/{clients}", []).append(found)
    figures = {name: {cell: summary(found) for cell, found in each.items()} for name, each in cells.items()}
    for cell in figures["uvicorn"]:
        rates = {name: figures[name][cell]["requests_per_second"]["median"] for name in SERVERS}
        said = ", ".join(f"{name} {rate:.0f}/s" for name, rate in rates.items())
        print(f"{cell}: {said}; granian over uvicorn {rates['granian'] / rates['uvicorn']:.2f}")
    versions = {"granian": granian_version(options.granian)} | {name: version(name) for name in serving.PACKAGES}
    kept = {"rounds": options.rounds, "seconds": options.seconds}
    common.write_result(options.results, "serving_granian", at_start, kept, {"servers": figures, "versions": versions})


@contextmanager
def running(name: str, root: Path, granian: Path) -> Iterator[serving_servers.Running]:
    """Start one of SERVERS and give it once it is ready; stop it afterwards."""
    if name == "chainrule":
        with serving_servers.chainrule(root, "--device", "cpu") as up:
            yield up
        return
    port = serving_servers.free_port()
    module, settings = ("uvicorn", UVICORN) if name == "uvicorn" else ("granian", GRANIAN)
    command = [sys.executable, "-m", module, "serving_asgi:app", "--port", str(port), *settings]
    paths = [common.ROOT / "src", common.ROOT / "benchmarks", granian]
    env = serving_servers.clean_environment() | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "SERVING_ROOT": str(root),
    }
    with serving_servers.started(command, env, "/v2/health/ready", port, root) as up:
        yield up


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the spreads of one cell over the rounds."""
    return {
        key: common.spread([each[key] for each in found], 3) for key in ("requests_per_second", "p50_ms", "p99_ms")
    } | {key: sum(each[key] for each in found) for key in ("requests", "checked", "failed")}


def granian_version(folder: Path) -> str:
    """Return the version of granian in a folder."""
    code = "import importlib.metadata as m; print(m.version('granian'))"
    env = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env
    ).stdout.strip()


if __name__ == "__main__":
    main()
