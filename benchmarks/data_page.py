"""What the data page costs: the stage explore as a process, on Fashion-MNIST and on a made table of a million rows.

Fashion-MNIST's 70,000 images come from its IDX files (CHAINRULE_REAL_DATA), of which 60,000 are to be learnt from; the
table is that of tables.py. The stages before explore run first, each a process of its own, without tracking; of
explore are told the seconds by the clock and of the processor, which other work on the machine changes less, and the
size of the page. It runs twice, and the page must be the same bytes.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common
import sources
import tables

STAGES = ("accept", "ingest", "clean", "split")
TARGETS = {"images": 20.0, "table": 60.0}
BYTES = 3e6


def main() -> None:
    """Measure both, print the figures and write them."""
    parser = common.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table")
    parser.add_argument("--only", choices=sorted(TARGETS), help="measure one of the two")
    asked = parser.parse_args()
    at_start, figures, targets = common.machine(), {}, []
    for name, limit in TARGETS.items():
        if asked.only not in (None, name):
            continue
        with common.temporary_folder() as root:
            prepare(root, name, asked.rows)
            found = figures[name] = measure(root)
        said = f"{name}: seconds of the stage (of the processor: {found['processor_seconds']:g})"
        targets.append(common.target(said, found["seconds"], "<=", limit, "s"))
        targets.append(common.target(f"{name}: size of the page", found["page_bytes"] / 1e6, "<=", BYTES / 1e6, "MB"))
        if not found["same_twice"]:
            common.stop(f"{name}: two runs wrote two pages")
    common.write_result(asked.results, "data_page", at_start, {"rows": asked.rows}, {**figures, "targets": targets})


def prepare(root: Path, name: str, rows: int) -> None:
    """Make the recipe `mine` and run the stages before explore."""
    if name == "images":
        source, mode = sources.SOURCES["idx"]
        sources.place(root, "idx", common.real_data("fashion-mnist"))
        block = sources.recipe(source, mode)
    else:
        tables.make(root / "rows.csv", rows)
        block = {**tables.BLOCK, "net": {"name": "mlp"}, **sources.UNREAD}
    common.write_recipes(root, {"mine": block})
    for stage in STAGES:
        run(root, stage)


def run(root: Path, stage: str) -> None:
    """Run a stage as `dvc repro` does."""
    environment = {**os.environ, "CHAINRULE_TRACKING": "off"}
    subprocess.run([sys.executable, "-m", f"chainrule.stages.{stage}", "mine"], cwd=root, env=environment, check=True)


def measure(root: Path) -> dict[str, Any]:
    """Return what explore costs, the second time, and whether it wrote the same as the first time."""
    page = root / "reports" / "mine" / "data.html"
    run(root, "explore")
    first = page.read_bytes()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run(root, "explore")
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "page_bytes": len(first),
        "same_twice": page.read_bytes() == first,
    }


if __name__ == "__main__":
    main()
