"""What the benchmarks share: a clone to work in, DVC with a clock beside it, and a file with the figures.

Every benchmark works in a temporary folder and leaves the repository alone but for its file of figures.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import psutil
import yaml

from chainrule.system.processes import available_cores

ROOT = Path(__file__).resolve().parents[1]
PARAMS = ROOT / "benchmarks" / "params"
REAL_DATA = "CHAINRULE_REAL_DATA"
# What would make a run differ from that of a user who has just cloned the repository.
NOT_A_USERS = (
    "CHAINRULE_CHAIN",
    "CHAINRULE_CORES",
    "CHAINRULE_TRACKING",
    "DVC_ROOT",
    "DVC_STAGE",
    "MLFLOW_TRACKING_URI",
    "PYTHONDONTWRITEBYTECODE",
)
PACKAGES = (
    "accelerate",
    "dvc",
    "mlflow",
    "numpy",
    "onnxruntime-gpu",
    "pandas",
    "scikit-learn",
    "torch",
    "transformers",
)
FLAGS = ("amx_tile", "amx_bf16", "avx512_bf16", "avx512f", "avx2")
STAGE = re.compile(r"Running stage '([^']+)'")
# Lines that explain seconds: MLflow's store is slow, or another process has the cores.
COMPLAINTS = ("tracking:", "WARNING", "ERROR")


@dataclass(frozen=True)
class Repro:
    """One `dvc repro`: seconds from its start to its end, seconds of every stage that ran, and what it printed."""

    seconds: float
    stages: dict[str, float]
    output: str


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the option that every benchmark has; the description is the module's docstring."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder for the file of figures"
    )
    return parser


def stop(message: str) -> NoReturn:
    """End the benchmark with one line on stderr and exit code 1."""
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")


def real_data(*folders: str) -> Path:
    """Return the folder of real data sets, which must hold these folders; ends the benchmark if it does not."""
    place = os.environ.get(REAL_DATA)
    if not place:
        stop(f"{REAL_DATA} is not set; it must name the folder that holds {', '.join(folders)}")
    missing = [name for name in folders if not (Path(str(place)) / name).is_dir()]
    if missing:
        stop(f"{REAL_DATA} holds no folder {', '.join(missing)}")
    return Path(str(place)).resolve()


@contextmanager
def temporary_folder(keep: bool = False) -> Iterator[Path]:
    """Give an empty folder for the block and remove it afterwards, or name it where it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="chainrule-benchmark-")).resolve()
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def clone(folder: Path) -> Path:
    """Clone the commit that the repository has checked out into `folder`, which must not exist."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit()], cwd=folder, check=True)
    return folder


def commit() -> str:
    """Return the hash of the commit that the repository has checked out."""
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def environment(root: Path) -> dict[str, str]:
    """Return the environment in which `python` and `dvc` are this interpreter's and `chainrule` is that of `root`.

    Tracking goes where it goes for a user: to the SQLite store in `root`.
    """
    kept = {name: value for name, value in os.environ.items() if name not in NOT_A_USERS}
    # Not resolved: the link in the virtual environment is what makes its packages found.
    tools = Path(sys.executable).parent
    return kept | {
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(root / "src"),
        "DO_NOT_TRACK": "true",
    }


def write_recipes(root: Path, recipes: dict[str, Any]) -> None:
    """Make these blocks the whole of params.yaml below `root`."""
    text = yaml.safe_dump({"recipes": recipes}, sort_keys=False, allow_unicode=True)
    (root / "params.yaml").write_text(text, encoding="utf-8")


def recipe_from(name: str, changes: Sequence[str], data: Path | None = None) -> dict[str, Any]:
    """Return the block of benchmarks/params/<name>.yaml, its source below `data`, with `changes` applied."""
    block: dict[str, Any] = yaml.safe_load((PARAMS / f"{name}.yaml").read_text(encoding="utf-8"))
    if data is not None:
        block["source"]["path"] = str(data / block["source"]["path"])
    return changed(block, changes)


def changed(block: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Return the block with settings such as "finetune.epochs=1" applied in place."""
    for change in changes:
        place, found, value = change.partition("=")
        *parents, key = place.split(".")
        section = block
        for parent in parents:
            section = section.get(parent) or {}
        if not found or key not in section:
            stop(f"--set {change}: there is no such setting; write it like finetune.epochs=1")
        section[key] = yaml.safe_load(value)
    return block


def repro(root: Path, *targets: str, echo: bool = True) -> Repro:
    """Run `dvc repro` below `root` and time it, and each stage from its announcement to the next one's.

    A stage's seconds so hold what DVC does about it: starting it, hashing its outputs, caching them. Ends the
    benchmark with DVC's last lines if it fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        ["dvc", "repro", *targets],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    starts: list[tuple[str, float]] = []
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if announced := STAGE.search(line):
            starts.append((announced.group(1), time.perf_counter()))
            if echo:
                print(f"  {time.perf_counter() - began:7.1f} s  {announced.group(1)}", flush=True)
        elif echo and line.startswith(COMPLAINTS):
            print(f"             {line.strip()}", flush=True)
    code = process.wait()
    ended = time.perf_counter()
    if code != 0:
        stop(f"dvc repro {' '.join(targets)} ended with exit code {code}:\n{''.join(lines[-15:])}")
    ends = [start for _, start in starts[1:]] + [ended] * bool(starts)
    stages = {name: end - start for (name, start), end in zip(starts, ends, strict=True)}
    return Repro(ended - began, stages, "".join(lines))


def training_seconds(root: Path, recipe: str, stage: str) -> float | None:
    """Return what the stage's newest run in the MLflow store below `root` says of the time its training took.

    That is the loop alone: without imports, reading rows and writing the model. None where nothing was trained.
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(recipe)
    if experiment is None:
        stop(f"the MLflow store of the clone has no experiment {recipe}")
    query = f"tags.`chainrule.stage` = '{stage}'"
    runs = client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time DESC"], max_results=1)
    found = runs[0].data.metrics.get("system/training_seconds") if runs else None
    return None if found is None else float(found)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Return the median, mean, smallest and largest of measured values, and the values in the order measured."""
    return {
        "median": round(statistics.median(values), digits),
        "mean": round(statistics.fmean(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "values": [round(value, digits) for value in values],
    }


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on, and how busy it was when this was asked."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    facts = {key.strip(): value.strip() for key, found, value in (line.partition(":") for line in lines) if found}
    flags = facts.get("flags", "").split()
    return {
        "cpu": facts.get("model name", platform.processor()),
        "cores": available_cores(),
        "cpu_flags": [flag for flag in FLAGS if flag in flags],
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpus(),
        "system": f"{platform.system()} {platform.release()}",
        "load_average_1_min": round(psutil.getloadavg()[0], 2),
    }


def _gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the figures."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def target(what: str, value: float, sign: str, bound: float, unit: str = "") -> dict[str, Any]:
    """Print a figure beside what it should be at most ("<=") or at least (">="), and return the verdict."""
    met = value <= bound if sign == "<=" else value >= bound
    print(f"{what}: {value:.4g}{unit} (target {sign} {bound:g}{unit}: {'met' if met else 'MISSED'})")
    return {"value": round(value, 4), "target": f"{sign} {bound:g}{unit}", "met": met}


def write_result(
    folder: Path, name: str, at_start: dict[str, Any], options: dict[str, Any], figures: dict[str, Any]
) -> None:
    """Write <name>.json into `folder`: the figures, the options, the commit, versions and machine.

    `at_start` is `machine()` as it was before the work began: its load average tells whether the figures count.
    """
    result = {
        "benchmark": name,
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": at_start,
        "versions": versions(),
        "options": options,
        "figures": figures,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {path}")
