"""A project to retrain in a moment: the real stages up to `split`, and a model that needs no training.

As a module it is the stage `export`: a linear classifier from the classes' mean images, exported and registered as the
real one is. So the model follows its training rows: wrong rows make a wrong model.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from chainrule.stages import job
from chainrule.system.files import read_json, read_rows, write_json

REAL = ("accept", "ingest", "clean", "split")
BRIGHTNESS = {"dark": 60, "light": 190}


def make(project: Path, folder: Path) -> Path:
    """Write the project with one recipe, `mine`; no stage has run."""
    import shipped  # not by the stages, which find it nowhere

    folder.mkdir(parents=True)
    for name in ("pipelines", "src"):
        shutil.copytree(project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / ".gitignore", folder / ".gitignore")
    for name in (__file__, str(Path(__file__).with_name("tiny_bundles.py"))):
        shutil.copy(name, folder / Path(name).name)
    write_images(folder / "data" / "mine", seed=0, count=70)
    (folder / "params.yaml").write_text(
        yaml.safe_dump({"recipes": {"mine": recipe(shipped.params()["recipes"]["digits"])}})
    )
    stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    kept: dict[str, Any] = {name: stages[name] for name in REAL}
    kept["export"] = {
        "foreach": "${recipes}",
        "do": {
            "cmd": "python retrain_project.py ${key}",
            "deps": ["data/split/${key}/train.parquet"],
            "outs": ["models/onnx/${key}"],
            "metrics": [{"reports/${key}/metrics.json": {"cache": False}}],
        },
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}))
    for command in (
        ["git", "init", "-q", "-b", "main"],
        ["git", "config", "user.name", "t"],
        ["git", "config", "user.email", "t@example.org"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        [sys.executable, "-m", "dvc", "config", "core.check_update", "false"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "project"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def recipe(digits: dict[str, Any]) -> dict[str, Any]:
    mine: dict[str, Any] = yaml.safe_load(yaml.safe_dump(digits))
    mine["source"] = {"kind": "image_folder", "path": "data/mine", "group_pattern": None}
    mine["split"] |= {"test": 0.3, "validation": 0.2, "tolerance": 1.0}
    mine["evaluate"]["resamples"] = 200
    mine["retrain"] |= {"rows": 20, "margin": 0.05}
    return mine


def write_images(folder: Path, *, seed: int, count: int, brightness: dict[str, int] = BRIGHTNESS) -> None:
    """Write noisy images 8x8, `count` of each class, which differ in brightness."""
    random = np.random.default_rng(seed)
    for label, base in brightness.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.clip(random.normal(base, 25, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{seed}-{number:03d}.png")


def export(it: job.Job) -> None:
    """Export the classifier whose class means are those of the training rows."""
    import onnx
    from onnx import numpy_helper

    import tiny_bundles
    from chainrule.fields import image

    rows = read_rows(it.dep("data/split/{recipe}/train.parquet"))
    labels = tuple(sorted(rows["label"].unique()))
    pixels = image.decode(rows["image"].tolist()).reshape(len(rows), -1) / 255
    means = np.stack([pixels[rows["label"] == label].mean(axis=0) for label in labels])
    graph = tiny_bundles.image_graph(len(labels))
    given = {"weights": means.T, "shift": -(means**2).sum(axis=1) / 2}
    for tensor in graph.graph.initializer:
        if tensor.name in given:
            tensor.CopyFrom(numpy_helper.from_array(given[tensor.name].astype(np.float32), tensor.name))
    out = it.out("models/onnx/{recipe}")
    preprocessing = {"image": {"mode": "L", "height": 8, "width": 8, "max_pixels": 10_000}}
    floor = Path("floor.json")  # where a test wants one
    known = {"quality": read_json(floor)} if floor.exists() else {}
    tiny_bundles.image_bundle(out, labels=labels, recipe=it.recipe, preprocessing=preprocessing, **known)
    tiny_bundles.with_graph(out, onnx.load_from_string(graph.SerializeToString(deterministic=True)))
    write_json(it.out("reports/{recipe}/metrics.json"), {"test": {}, "floor": {}})
    it.run.headline({"export.agreement": 1.0})
    it.run.model(out, "model.onnx")


if __name__ == "__main__":
    job.main("export", export)
