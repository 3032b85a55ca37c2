"""One trial: the recipe with other values, trained by the real stages in a folder of its own.

    .chainrule/search/<study>/<number>/      a project in small: the recipe, links to what dvc.yaml says that the stages
                                             read, and what they write; it goes when the trial ends
                              <number>.log   what the stages said

Nothing of the project's own outputs can be written from there, and the test rows, which no stage of a trial declares
that it reads, are not there to be read.
"""

import importlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from chainrule.recipes.file import PARAMS, complete
from chainrule.recipes.search import with_values
from chainrule.search.plan import Plan
from chainrule.system import progress
from chainrule.system.files import remove

Report = Callable[[float, int], None]


class Watched:
    """The run of a stage, as a trial lets MLflow have it: curves and numbers of its own, and no files."""

    def __init__(self, run: Any, metric: str, report: Report) -> None:
        """report: is told the metric on the validation rows and its epoch, whenever there is one."""
        self._run, self._key, self._report = run, f"validation_{metric}", report

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Points of curves."""
        self._run.metrics(values, step)
        if self._key in values:
            self._report(float(values[self._key]), step)

    def headline(self, values: Mapping[str, float]) -> None:
        """Numbers of this trial, not of the study."""
        self._run.metrics(values)

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep nothing."""

    def dataset(self, name: str, rows: int, context: str, source: str, digest: str | None = None) -> None:
        """Say nothing: they are the study's."""

    def model(self, bundle: Path, model: str = "model.onnx", trained: Path | None = None) -> None:
        """Register nothing."""


def train(plan: Plan, number: int, values: Mapping[str, Any], run: Any, report: Report, cores: int) -> dict[str, Any]:
    """Train the recipe with these values and return what `finetune` reports, with the seconds it took.

    report: is told PRIMARY on the validation rows after each epoch of fine-tuning, and may raise to end the trial.
    """
    given = with_values(plan.given, values)
    block = complete(given)
    folder = plan.folder / str(number)
    remove(folder)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        lend(plan, block, folder)
        # A stage may ask what the recipe gives and what it leaves to its defaults. JSON is YAML.
        (folder / PARAMS).write_text(json.dumps({"recipes": {plan.recipe: given}}), encoding="utf-8")
        with open(plan.folder / f"{number}.log", "w", encoding="utf-8") as log, redirect_stdout(log):
            for stage in plan.stages:
                _carry_out(plan, stage, block, folder, Watched(run, plan.metric, report), cores, f"trial {number}")
        found: dict[str, Any] = json.loads((folder / "reports" / plan.recipe / "finetune.json").read_text("utf-8"))
        return {**found, "seconds": round(time.monotonic() - began, 1)}
    finally:
        remove(folder)


def lend(plan: Plan, block: dict[str, Any], folder: Path) -> None:
    """Link into a trial's folder what dvc.yaml says that its stages read, but code and what they make themselves."""
    declared = importlib.import_module("chainrule.stages.declared")
    made = [f"{place}/{plan.recipe}" for place in map(_makes, plan.stages)]
    for stage in plan.stages:
        deps, _ = declared.inputs(plan.root, stage, plan.recipe, block) or ([], {})
        for dep in deps:
            link = folder / dep
            if dep.startswith("src/") or dep in made or link.is_symlink():
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(plan.root / dep, link)


def _makes(stage: str) -> str:
    return {"augment": "data/augmented", "pretrain": "models/pretrained", "finetune": "models/finetuned"}[stage]


def _carry_out(
    plan: Plan, stage: str, block: dict[str, Any], folder: Path, run: Watched, cores: int, label: str
) -> None:
    # By name: what lies below the stages does not import them.
    job = importlib.import_module("chainrule.stages.job")
    work = getattr(importlib.import_module(f"chainrule.stages.{stage}"), stage)
    counter = lambda unit: progress.counter(f"{label}: {stage}", unit)  # noqa: E731
    at_work = job.Job(stage, plan.recipe, folder, block, run, cores, counter=counter)
    job.carry_out(at_work, work, trains=stage != "augment")
