"""How long it takes from files to split rows: the stages accept, ingest, clean and split, one after the other.

Measured on real data (CHAINRULE_REAL_DATA): Fashion-MNIST's 70,000 images of 28 by 28 from IDX files, and CIFAR-10's
50,000 JPEG files of 32 by 32 from one .tar.gz, with every check that a chain makes: exact and near duplicates,
validation, leaks. Each stage is a process as in `dvc repro`, without tracking; seconds by the clock, and of the
processor, which other work on the machine does not change.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import common

STAGES = ("accept", "ingest", "clean", "split")
TARGETS = {"idx": 25.0, "tar": 60.0}
UNREAD: dict[str, Any] = {
    **{name: {} for name in ("split", "augment", "evaluate", "export")},
    "base": {"from": "nothing"},
    "pretrain": {"objective": {"name": "none"}},
    "finetune": {"strategy": {"name": "full"}},
}
"""The sections that a recipe must have, and that stages up to the splits take as they come."""
SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "idx": ({"kind": "idx", "path": "data/idx", "classes": [f"class {number}" for number in range(10)]}, "L"),
    "tar": ({"kind": "image_folder", "path": "data/train.tar.gz"}, "RGB"),
}


def main() -> None:
    """Measure each source, print the figures and write them."""
    given = common.arguments(__doc__).parse_args()
    data, at_start = common.real_data("fashion-mnist", "cifar10-jpeg"), common.machine()
    figures = {}
    for name, (source, mode) in SOURCES.items():
        with common.temporary_folder() as folder:
            place(folder, name, data)
            found = measure(folder, source, mode)
        said = f"{name}, from files to split rows (of the processor: {found['processor_seconds']:g} s)"
        figures[name] = found | {"target": common.target(said, found["seconds"], "<=", TARGETS[name], " s")}
    common.write_result(given.results, "sources", at_start, {}, figures)


def place(root: Path, name: str, data: Path) -> None:
    """Put the files of a source below data/."""
    if name == "tar":
        (root / "data").mkdir()
        shutil.copy(data / "cifar10-jpeg" / "train.tar.gz", root / "data")
        return
    (root / "data" / "idx").mkdir(parents=True)
    for file in (data / "fashion-mnist").glob("*.gz"):
        shutil.copy(file, root / "data" / "idx")


def recipe(source: dict[str, Any], mode: str) -> dict[str, Any]:
    """Return a recipe of images with labels."""
    return {
        "task": "image_classification",
        "modality": "image",
        "target": "label",
        "seed": 7,
        "source": source,
        "incoming": {"kind": "image_folder"},
        "clean": {"normalise": {"mode": mode}},
        "net": {"name": "dsdnet"},
        **UNREAD,
    }


def measure(root: Path, source: dict[str, Any], mode: str) -> dict[str, Any]:
    """Return the seconds of each stage, and of all, and the rows of each split."""
    common.write_recipes(root, {"mine": recipe(source, mode)})
    environment = {**os.environ, "CHAINRULE_TRACKING": "off"}
    clock, processor = {}, {}
    for stage in STAGES:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(
            [sys.executable, "-m", f"chainrule.stages.{stage}", "mine"], cwd=root, env=environment, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock[stage] = round(time.monotonic() - began, 1)
        processor[stage] = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)
    return {
        "seconds": round(sum(clock.values()), 1),
        "processor_seconds": round(sum(processor.values()), 1),
        "by_stage": {"seconds": clock, "processor_seconds": processor},
    }


if __name__ == "__main__":
    main()
