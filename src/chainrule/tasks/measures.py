"""How the answers of a task are measured, for what looks at models of any task: commands, MLflow, promotions."""

from typing import cast

from chainrule.evaluation.primary import Measure
from chainrule.system import plugins
from chainrule.tasks.catalogue import TASKS


def of(task: str | None) -> Measure:
    """Return the measure of a task; those of one label per row where the task is not known here."""
    if task not in TASKS:
        return cast("Measure", plugins.load("evaluation.scores", "label"))
    return cast("Measure", plugins.load(f"tasks.{task}", "metrics").measure)
