"""A project whose trials take a moment: real stages up to the training, real DVC, four classes of small digits."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tiny_clone import environment

RECIPE = """# what is searched
recipes:
  digits: # the only one
    task: image_classification
    modality: image
    target: label
    seed: 7
    source: {kind: digits, path: data/sources/digits.yaml}
    incoming: {kind: image_folder}
    clean: {}
    split: {tolerance: 1.0}
    augment: {copies: 0}
    base: {from: nothing}
    net: {name: cnn, width: 8, depth: 2}
    pretrain:
      objective: {name: none}
    finetune:
      strategy: {name: full}
      epochs: 2 # few
      batch_size: 256

    evaluate: {resamples: 100} # last
    export: {}
"""
NEEDED = ("accept", "ingest", "clean", "split", "augment", "fetch", "pretrain")


def make(project: Path, folder: Path) -> Path:
    """Write the project and run, through DVC, every stage that a trial of fine-tuning stands on."""
    folder.mkdir(parents=True)
    for name in ("src", "data/sources", "models"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "onnx", "finetuned", "served")
        )
    shutil.copy(project / ".gitignore", folder)
    (folder / "params.yaml").write_text(RECIPE)
    stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    kept: dict[str, Any] = {name: stages[name] for name in (*NEEDED, "finetune")}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "project"],
        [sys.executable, "-m", "dvc", "repro", "-q", "augment@digits", "pretrain@digits"],
    ):
        found = subprocess.run(
            command, cwd=folder, env=environment(CHAINRULE_TRACKING="off"), capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout + found.stderr
    return folder
