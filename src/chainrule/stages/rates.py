"""A stage's training at growing learning rates instead of its own: `python -m chainrule.stages.rates STAGE RECIPE`.

No stage of the chain. It does what the stage does until its training would begin, with the same net, rows, objective
and strategy, and writes what `training.range_test` finds to reports/<recipe>/learning_rate.json and .png, which are no
outputs of DVC. Nothing of the stage is published.
"""

import importlib
import sys
from pathlib import Path
from typing import Any, NoReturn

from chainrule.recipes.file import recipe_block
from chainrule.stages.job import Job, carry_out
from chainrule.system import processes, progress
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import remove, write_json

MADE_BY = {
    "data/split/{}": "split",
    "models/base/{}": "fetch",
    "models/pretrained/{}": "pretrain",
    "data/augmented/{}": "augment",
}
"""What the two stages read, and the stage that makes it."""
NEEDED = {
    "pretrain": ("data/split/{}", "models/base/{}"),
    "finetune": ("data/split/{}", "models/base/{}", "models/pretrained/{}", "data/augmented/{}"),
}


class _Rehearsed(Exception):  # noqa: N818 - it is no error: it ends the stage's work where its training would begin
    pass


def rates(root: Path, stage: str, recipe: str, cores: int) -> None:
    """Test the rates of one stage of one recipe and write what was found.

    Raises ChainruleError for a recipe that is none or has no such training, DataError where inputs are missing.
    """
    from chainrule.recipes import check

    check.check(root)
    block = recipe_block(root, recipe)
    if stage == "pretrain" and block["pretrain"]["training"] is None:
        raise ChainruleError(f"{recipe} has no pretraining: its objective is none")
    missing = [place for place in NEEDED[stage] if not (root / place.format(recipe)).exists()]
    if missing:
        targets = " ".join(f"{MADE_BY[place]}@{recipe}" for place in missing)
        places = " and ".join(place.format(recipe) for place in missing)
        raise DataError(f"{places} {'is' if len(missing) == 1 else 'are'} not here: `dvc repro {targets}` makes them")
    job = Job(stage, recipe, root, block, cores=cores, counter=lambda unit: progress.counter(f"rates@{recipe}", unit))
    job.rehearse = lambda *training: _test(job, *training)
    try:
        carry_out(job, getattr(importlib.import_module(f"chainrule.stages.{stage}"), stage), trains=True)
    except _Rehearsed:
        for partial in job.outputs.values():
            remove(partial)


def _test(job: Job, objective: Any, inputs: Any, course: Any, strategy: Any) -> NoReturn:
    from chainrule.evaluation.figures.range_test import rates_figure
    from chainrule.training.course import Watchers
    from chainrule.training.range_test import range_test

    found = range_test(objective, inputs, course, strategy, Watchers(on_batch=job.counter("updates")))
    key = f"{course.section}.learning_rate"
    folder = job.root / "reports" / job.recipe
    folder.mkdir(parents=True, exist_ok=True)
    write_json(
        folder / "learning_rate.json",
        {
            "key": key,
            "suggested": found.suggested,
            "in_force": course.learning_rate,
            "optimizer": course.optimizer,
            "batch_size": course.batch_size * course.accumulation,
            "diverged": found.diverged,
            "rates": [point.rate for point in found.points],
            "losses": [point.loss for point in found.points],
            "smoothed": found.smoothed,
        },
    )
    rates_figure(found.points, found.smoothed, found.suggested, course.learning_rate, folder / "learning_rate.png")
    if found.suggested is None:
        job.say(
            f"the loss fell at no rate from {found.points[0].rate:g} to {found.points[-1].rate:g}: nothing to suggest"
        )
    else:
        job.say(
            f"the loss falls fastest at {found.suggested:g}: set recipes.{job.recipe}.{key} to that or a third of it"
        )
    job.say(f"it is {course.learning_rate:g} now; the curve is in {folder / 'learning_rate.png'}")
    raise _Rehearsed


def main() -> None:
    """Test the rates that the command line names, with the cores that are free."""
    stage, recipe = sys.argv[1:]
    root = Path.cwd()
    progress.write_anything()
    processes.die_with_starters()
    try:
        with processes.lent_cores(f"rates@{recipe}", root / ".chainrule" / "cores") as cores:
            rates(root, stage, recipe, cores)
    except ChainruleError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
