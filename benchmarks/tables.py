"""Rows of a table from a CSV file to splits: seconds and peak memory of each stage, at a million rows.

The rows are made here, by a fixed seed: six columns of numbers, four of categories, one of dates, one of yes and no,
some of them missing, an id that the recipe leaves out, and a label. The stages ingest, clean and split run one after
the other, each in a process of its own, as DVC would start them, without checks, locks and MLflow around them.
"""

import importlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

from chainrule.recipes.file import complete
from chainrule.stages.job import Job, carry_out
from chainrule.system import quick

STAGES = ("ingest", "clean", "split")
RECIPE = "made"
CHUNK = 100_000
BLOCK: dict[str, Any] = {
    "task": "table_classification",
    "modality": "table",
    "target": "label",
    "seed": 7,
    "source": {"kind": "delimited", "path": "rows.csv"},
    "incoming": {"kind": "delimited"},
    "clean": {
        "normalise": {
            "number": ["age", "income", "hours", "height", "score", "balance"],
            "category": ["city", "job", "kind", "plan"],
            "date": ["joined"],
            "boolean": ["member"],
        }
    },
}


def make(path: Path, rows: int) -> None:
    """Write a CSV file of so many rows."""
    random = np.random.default_rng(1)
    path.write_text("id,age,income,hours,height,score,balance,city,job,kind,plan,member,joined,label\n")
    with path.open("a") as file:
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            age = random.integers(18, 90, count)
            height = random.normal(170, 10, count)
            columns = [
                range(start, start + count),
                age,
                [f"{each:.2f}" for each in random.lognormal(10, 1, count)],
                random.integers(1, 99, count),
                ["" if gone else f"{each:.1f}" for each, gone in zip(height, random.random(count) < 0.05, strict=True)],
                [f"{each:.4f}" for each in random.random(count)],
                [f"{each:.2f}" for each in random.normal(0, 10_000, count)],
                [f"city {each}" for each in random.integers(0, 300, count)],
                random.choice(["clerk", "cook", "engineer", "nurse", "?"], count),
                random.choice(["x", "y", "z"], count),
                random.choice(["basic", "plus", "pro"], count),
                random.choice(["yes", "no"], count),
                np.datetime64("2015-01-01") + random.integers(0, 3000, count),
                np.where(age + random.normal(0, 20, count) > 50, "yes", "no"),
            ]
            file.writelines(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def stage(name: str, root: Path) -> None:
    """Run one stage and print its seconds, of the clock and of the processor, and its peak memory in bytes."""
    started = time.perf_counter()
    quick.spare()
    work = getattr(importlib.import_module(f"chainrule.stages.{name}"), name)
    carry_out(Job(name, RECIPE, root, complete(BLOCK), silent=True), work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"seconds": time.perf_counter() - started, "processor": time.process_time(), "bytes": peak}
    print(json.dumps({key: round(value, 2) for key, value in figures.items()}))


def main() -> None:
    """Measure, print and write the figures."""
    parser = common.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--stage", nargs=2, metavar=("NAME", "ROOT"), help="run one stage; the script itself does so")
    asked = parser.parse_args()
    if asked.stage:
        stage(asked.stage[0], Path(asked.stage[1]))
        return
    figures, at_start = {}, common.machine()
    with common.temporary_folder() as root:
        (root / "data" / "accepted" / RECIPE).mkdir(parents=True)
        make(root / "rows.csv", asked.rows)
        for name in STAGES:
            command = [sys.executable, __file__, "--stage", name, str(root)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                common.stop(run.stderr.strip().splitlines()[-1])
            figures[name] = json.loads(run.stdout)
            print(name, figures[name], flush=True)
    seconds = sum(each["seconds"] for each in figures.values())
    peak = max(each["bytes"] for each in figures.values())
    targets = [
        common.target("seconds from CSV to splits, a million rows", seconds * 1_000_000 / asked.rows, "<=", 60, "s"),
        common.target("peak memory of a stage", peak / 1e9, "<=", 2, "GB"),
    ]
    common.write_result(
        asked.results, "tables", at_start, {"rows": asked.rows}, {"stages": figures, "targets": targets}
    )


if __name__ == "__main__":
    main()
