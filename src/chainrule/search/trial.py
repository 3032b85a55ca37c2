"""One trial: the recipe with other values, trained by the real stages in a folder of its own.

    .chainrule/search/<study>/<number>/      a project in small: the recipe, links to what dvc.yaml says that the stages
                                             read, and what they write; it goes when the trial ends
                              <number>.log   what the stages said

Nothing of the project's own outputs can be written from there, and the test rows, which no stage of a trial declares
that it reads, are not there to be read.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from chainrule.recipes.file import complete
from chainrule.recipes.search import with_values
from chainrule.search import aside
from chainrule.search.plan import Plan
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
        aside.lend(plan.root, plan.recipe, given, block, plan.stages, folder)
        with open(plan.folder / f"{number}.log", "w", encoding="utf-8") as log, redirect_stdout(log):
            for stage in plan.stages:
                watched = Watched(run, plan.metric, report)
                aside.carry_out(plan.recipe, stage, block, folder, watched, cores, f"trial {number}")
        found: dict[str, Any] = json.loads((folder / "reports" / plan.recipe / "finetune.json").read_text("utf-8"))
        return {**found, "seconds": round(time.monotonic() - began, 1)}
    finally:
        remove(folder)
