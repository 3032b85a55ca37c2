"""A search as a Prefect flow: trials of a recipe, a task each, in a study that flows on any number of machines share.

`python -m pipelines.tune RECIPE` does it here; with `--storage` every machine that runs it works on the same study.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.system import quick
from chainrule.system.errors import ChainruleError
from pipelines import server

if __name__ == "__main__":
    quick.start()
    server.set_defaults()

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed, State

from chainrule.commands import tune as command
from chainrule.search import finding, outcome, plan, study, worker
from pipelines import artifacts, flow_runs, timetable
from pipelines.timetable import GRACE_MINUTES

if TYPE_CHECKING:
    from optuna import Study


@flow(name="tune", flow_run_name="tune-{recipe}", persist_result=False)  # type: ignore[untyped-decorator, unused-ignore]
def tune(
    recipe: str,
    space: dict[str, Any] | None = None,
    trials: int | None = None,
    sampler: str | None = None,
    pruner: str | None = None,
    seed: int | None = None,
    storage: str | None = None,
    grace_minutes: float = GRACE_MINUTES,
) -> Any:
    """Run trials of a recipe until its study has so many; what is not said stands in the recipe's section `search`.

    space: values by dotted key, as in the recipe; storage: the address of the database that machines share;
    grace_minutes: a scheduled run that starts later is skipped. Works on the project in the current directory, of which
    nothing is changed.
    """
    options = {"space": space, "trials": trials, "sampler": sampler, "pruner": pruner}
    with flow_runs.looked_after():
        return timetable.skipped(recipe, grace_minutes) or _tune(recipe, options, seed, storage)


def _tune(recipe: str, options: dict[str, Any], seed: int | None, storage: str | None) -> State:
    log = get_run_logger()
    try:
        made = plan.make(Path.cwd(), recipe, options, seed=seed, storage=storage)
        opened = study.open_study(made)
        log.info("%s", worker.heading(made, study.left(opened, made)))
        while study.left(opened, made):
            name = f"trial-{len(opened.get_trials(deepcopy=False))}"
            one = task(name="trial", task_run_name=name, cache_policy=NO_CACHE, persist_result=False)(worker.one)
            line = one(made, opened)
            if line is None:
                break
            log.info("%s", line)
        if study.best(opened) is None:
            return Failed(message=finding.said(made, opened))
        finding.keep(made, opened)
        _artifact(made, opened)
    except ChainruleError as error:
        return Failed(message=f"{recipe}: {error}")
    return Completed(message=f"{finding.said(made, opened)}; `chainrule tune {recipe}` with the same options shows it")


def _artifact(made: plan.Plan, opened: "Study") -> None:
    text = f"{finding.said(made, opened)}\n\n```\n{outcome.table(opened, made)}\n{finding.changes(made, opened)}```\n"
    create_markdown_artifact(
        text, key=artifacts.key(made.recipe, "tune"), description=f"{made.recipe}: what a search found"
    )


# ---- the command line


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        "python -m pipelines.tune",
        description="Search for better settings of a recipe on its validation rows, a task for each trial.",
        epilog="Exit codes: 0 searched, or nothing left to; 1 failed; 2 mistakes in params.yaml or the options.",
    )
    words.add_argument("recipe", help="a recipe of params.yaml")
    command.add_options(words)
    timetable.add_options(words, "search")
    return words


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a mistake of the user's is one line on stderr."""
    options = parser().parse_args(argv)
    try:
        space = command.parsed(options.set) or None
    except ChainruleError as error:
        print(f"tune: {error}", file=sys.stderr)
        return error.exit_code
    asked = {name: getattr(options, name) for name in ("trials", "sampler", "pruner", "seed", "storage")}
    return timetable.main(tune, options, f"{options.recipe}-tune", {"space": space, **asked})


if __name__ == "__main__":
    sys.exit(main())
