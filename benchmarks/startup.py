"""How long each stage takes until it does something useful.

Measured, for every recipe and stage of a folder where the chain has run (--folder, by default this repository
as it is, uncommitted changes included): seconds from just before the process is started to

- first input: the stage's work has read its first input (`chainrule.system.files.read_rows` returns; for ingest the
  source's `read` returns, which for a generated source is the generating, so the moment it is entered is given
  beside it);
- first batch: for pretrain and finetune, the training loop takes its first batch (with every net, tokenizer and
  optimizer built). Pretraining a text recipe trains its tokenizer before, which is work, not start-up.

How: in a copy of the folder, each stage module runs as `python -m chainrule.stages.<stage> <recipe>` does,
inside a small wrapper (startup_stage.py) that notes these moments and ends the process at the last of them.
Everything else is as for a user: the check of params.yaml, the stage's lock, tracking to an MLflow SQLite
store. Each run begins with no sender of tracked events alive, which is the slowest case: the sender then starts
beside the stage. One run before the measured ones warms the file cache and compiles; then the median of
--repeats.

Targets for the first input: at most 1.5 s for ingest, clean, split and augment, at most 4 s for the stages with
a model; at most 4 s for the first batch.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import yaml

from chainrule.runs.journal import sender_lock
from chainrule.system.locks import is_held

DATA_STAGES = ("ingest", "clean", "split", "augment")
TRAINING_STAGES = ("pretrain", "finetune")
MODEL_STAGES = (*TRAINING_STAGES, "evaluate", "export")
TARGETS = (
    ("data", "first_input", DATA_STAGES, 1.5),
    ("model", "first_input", MODEL_STAGES, 4.0),
    ("training", "first_batch", TRAINING_STAGES, 4.0),
)
WRAPPER = common.ROOT / "benchmarks" / "startup_stage.py"
MARK = "moment:"
# What the copy need not hold: packages, caches, other runs' records.
LEFT_OUT = (".venv", "cache", "tmp", "mlflow.db*", "mlruns", ".chainrule", ".*_cache", ".hypothesis", "*.partial")


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--folder", type=Path, default=common.ROOT, help="where the chain has run")
    parser.add_argument("--recipes", nargs="*", help="these alone; by default every recipe")
    parser.add_argument("--stages", nargs="*", default=[*DATA_STAGES, *MODEL_STAGES], help="these alone")
    parser.add_argument("--repeats", type=int, default=3, help="measured runs of each stage")
    options = parser.parse_args()
    at_start = common.machine()
    recipes = options.recipes or yaml.safe_load((options.folder / "params.yaml").read_text(encoding="utf-8"))["recipes"]
    if unbuilt := [name for name in recipes if not (options.folder / "models" / "finetuned" / name).is_dir()]:
        common.stop(f"{options.folder} has no chain of {', '.join(unbuilt)}: run `dvc repro` there, or give --folder")
    with common.temporary_folder() as folder:
        root = folder / "copy"
        shutil.copytree(options.folder, root, ignore=shutil.ignore_patterns(*LEFT_OUT))
        measured: dict[str, dict[str, Any]] = {}
        for recipe in recipes:
            for stage in options.stages:
                moments = [started(root, stage, recipe) for _ in range(options.repeats + 1)][1:]
                figures = {name: common.spread([each[name] for each in moments], 3) for name in moments[0]}
                measured[f"{stage}@{recipe}"] = figures
                print(f"{stage}@{recipe}:", ", ".join(f"{name} {s['median']:.2f} s" for name, s in figures.items()))
        wait_for_sender(root)
    targets = {}
    for kind, moment, stages, bound in TARGETS:
        medians = {
            name: figures[moment]["median"]
            for name, figures in measured.items()
            if name.partition("@")[0] in stages and moment in figures
        }
        if medians:
            slowest = max(medians, key=lambda name: medians[name])
            what = f"{moment.replace('_', ' ')}, slowest of the {kind} stages, {slowest}"
            targets[kind] = {"stage": slowest, **common.target(what, medians[slowest], "<=", bound, " s")}
    figures = {"targets": targets, "seconds": measured}
    common.write_result(options.results, "startup", at_start, {"repeats": options.repeats}, figures)


def started(root: Path, stage: str, recipe: str) -> dict[str, float]:
    """Run a stage up to its last moment of interest and return the seconds to each of them."""
    wait_for_sender(root)
    command = [sys.executable, str(WRAPPER), stage, recipe]
    began = time.time()
    ended = subprocess.run(command, cwd=root, env=common.environment(root), capture_output=True, text=True, check=False)
    lines = [line.split() for line in ended.stdout.splitlines() if line.startswith(MARK)]
    if ended.returncode != 0 or "first_input" not in [name for _, name, _ in lines]:
        common.stop(f"{stage}@{recipe} did not get to its first input:\n{ended.stdout[-500:]}{ended.stderr[-2000:]}")
    if " waits for " in ended.stdout:
        print(f"{stage}@{recipe}: waited for another process: this figure does not count", flush=True)
    return {name: float(moment) - began for _, name, moment in lines}


def wait_for_sender(root: Path) -> None:
    """Wait until nobody sends tracked events of this root."""
    lock = sender_lock(root)
    while lock.parent.is_dir() and is_held(lock):
        time.sleep(0.1)


if __name__ == "__main__":
    main()
