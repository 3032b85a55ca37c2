"""A clone to which somebody adds a task: tests/toy_task under the name star_rating, and a recipe on it.

As a module it is what the stages of a flow are: it builds versions of the model, each by the real stages one after the
other, and decides about each as a retraining does. In one process, for most of a stage is the import of its libraries.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

TASK = "star_rating"
RECIPE = "stars"
FOLDER = f"src/chainrule/tasks/{TASK}"
CATALOGUE = "src/chainrule/tasks/catalogue.py"
DATA = ("accept", "ingest", "clean", "split", "augment", "fetch", "pretrain")
MODEL = ("finetune", "evaluate", "export")
TRAINS = ("pretrain", "finetune", "evaluate", "export")
BLOCK: dict[str, Any] = {
    "task": TASK,
    "modality": "text",
    "target": "number",
    "seed": 7,
    "source": {"kind": "delimited", "path": "data/stars.csv", "columns": {"stars": "rating"}},
    "incoming": {"kind": "delimited"},
    "clean": {"near_duplicates": 1.0},
    "split": {"test": 0.3, "tolerance": 1.0},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {
        "name": "encoder",
        "layers": 1,
        "width": 16,
        "heads": 2,
        "feed_forward": 32,
        "max_length": 16,
        "dropout": 0.0,
    },
    "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 300}},
    "finetune": {"strategy": {"name": "full"}, "epochs": 8, "learning_rate": 0.01, "patience": None},
    "evaluate": {"resamples": 200},
    "export": {"variants": {"int8": "never", "fp16": "never"}},
    "retrain": {"margin": 0.1},
}
VERSIONS = ({}, {"learning_rate": 1e-6}, {"epochs": 9})
"""What each version changes of `finetune`: the first; one that learns next to nothing; one as good as the first."""


def make(project: Path, folder: Path, store: Path) -> Path:
    """Write and commit the project with the recipe and its rows, without the task; `store` is MLflow's."""
    folder.mkdir(parents=True)
    shutil.copytree(project / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".dvc/config", ".dvc/.gitignore", "data/sources", "models/nothing"):
        (folder / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (project / name).is_dir() else shutil.copyfile)(project / name, folder / name)
    shutil.copyfile(store, folder / "mlflow.db")
    write_rows(folder / "data" / "stars.csv", count=400)
    write_params(folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A", "-f", "data/stars.csv", ".")
    git(folder, "commit", "-qm", "a project")
    return folder


def add_task(root: Path) -> None:
    """Add the task: a folder, and a name in the catalogue."""
    shutil.copytree(Path(__file__).with_name("toy_task"), root / FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    catalogue = root / CATALOGUE
    catalogue.write_text(catalogue.read_text().replace("TASKS = (\n", f'TASKS = (\n    "{TASK}",\n'))


def git(root: Path, *words: str) -> str:
    """Run git as somebody; return what it said."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def write_rows(path: Path, count: int) -> None:
    """Write texts of four words, of which as many are friendly as there are stars less one."""
    random = np.random.default_rng(0)
    friendly, other = ("good", "fine", "kind", "warm"), ("grey", "cold", "slow", "thin")
    lines = ["text,rating"]
    for number in range(count):
        kinds = random.random(4) < random.random()
        words = [str(random.choice(friendly if kind else other)) for kind in kinds]
        lines.append(f"{' '.join([*words, f'n{number}'])},{1 + kinds.sum()}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_params(root: Path, **finetune: Any) -> None:
    block = {**BLOCK, "finetune": {**BLOCK["finetune"], **finetune}}
    (root / "params.yaml").write_text(yaml.safe_dump({"recipes": {RECIPE: block}}, sort_keys=False))


def build(root: Path, stages: tuple[str, ...]) -> None:
    """Run stages, one after the other, as their command lines do."""
    from chainrule.stages import runner

    for name in stages:
        # Only the export has something to register.
        os.environ["CHAINRULE_TRACKING"] = "on" if name == "export" else "off"
        work = getattr(importlib.import_module(f"chainrule.stages.{name}"), name)
        runner.run(root, name, RECIPE, work, name in TRAINS)


def decide(root: Path) -> dict[str, Any]:
    """Promote what was exported or refuse it; return what is said of it."""
    from chainrule.recipes.file import recipe_block
    from chainrule.release import promotion
    from chainrule.retraining import evidence

    champion = evidence.champion(root, RECIPE, print)
    number = evidence.registered(root, RECIPE, evidence.exported(root, RECIPE).sums["model.onnx"], None)
    fit, reason = True, "the first"
    if champion is not None:
        found = evidence.compare(root, RECIPE, recipe_block(root, RECIPE), champion)
        fit, reason = found["not_worse"], evidence.verdict(found, champion.number)
    if fit:
        promotion.promote(root, RECIPE, number, reason=reason)
    return {"version": number, "promoted": fit, "reason": reason, "served": promotion.served_version(root, RECIPE)}


def main() -> None:
    root = Path.cwd()
    build(root, DATA)
    decided = []
    for changed in VERSIONS:
        write_params(root, **changed)
        build(root, MODEL)
        decided.append(decide(root))
    (root / "decided.json").write_text(json.dumps(decided))


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd() / "src"))
    main()
