"""How the answers of a task are measured, for what looks at models of any task: commands, MLflow, promotions."""

from typing import cast

from chainrule.evaluation.primary import Measure
from chainrule.system import plugins
from chainrule.tasks.catalogue import TASKS


def of(task: str | None) -> Measure:
    """Return the `metrics` of a task; those of one label per row where the task is not known here."""
    module = plugins.load(f"tasks.{task}", "metrics") if task in TASKS else plugins.load("evaluation.scores", "label")
    return cast("Measure", module)
