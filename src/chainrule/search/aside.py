"""Stages of a recipe in a folder of their own: what they read is lent to them, and nothing of the project is written.

The folder is a project in small: params.yaml with the one recipe, and links to what dvc.yaml says that the stages read.
The test rows, which no stage before `evaluate` declares that it reads, are not there to be read.
"""

import importlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.recipes.file import PARAMS
from chainrule.system import progress

MADE = {"augment": "data/augmented", "pretrain": "models/pretrained", "finetune": "models/finetuned"}
"""What each stage makes."""


def lend(
    root: Path,
    recipe: str,
    given: Mapping[str, Any],
    block: Mapping[str, Any],
    stages: Sequence[str],
    folder: Path,
    own: Collection[str] = (),
) -> None:
    """Write params.yaml into a folder, and link what the stages read, but code and what is made there.

    given: the recipe's block as it is written, `block` with its defaults. own: paths of what the folder has beside the
    stages' outputs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A stage may ask what the recipe gives and what it leaves to its defaults. JSON is YAML.
    (folder / PARAMS).write_text(json.dumps({"recipes": {recipe: given}}), encoding="utf-8")
    declared = importlib.import_module("chainrule.stages.declared")
    made = (*own, *(f"{MADE[stage]}/{recipe}" for stage in stages))
    for stage in stages:
        deps, _ = declared.inputs(root, stage, recipe, block) or ([], {})
        for dep in deps:
            link = folder / dep
            if dep.startswith("src/") or dep.startswith(made) or link.is_symlink():
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(root / dep, link)


def carry_out(recipe: str, stage: str, block: dict[str, Any], folder: Path, run: Any, cores: int, label: str) -> None:
    """Do a stage's work in the folder. label: whose work it is, before the stage's name in the progress bar."""
    # By name: what lies below the stages does not import them.
    job = importlib.import_module("chainrule.stages.job")
    work = getattr(importlib.import_module(f"chainrule.stages.{stage}"), stage)
    counter = lambda unit: progress.counter(f"{label}: {stage}", unit)  # noqa: E731
    at_work = job.Job(stage, recipe, folder, block, run, cores, counter=counter)
    job.carry_out(at_work, work, trains=stage != "augment")
