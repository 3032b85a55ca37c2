"""Retraining as a Prefect flow: new files, drift, a new model, a fair comparison, a promotion or a refusal.

`python -m pipelines.retrain RECIPE` does it once; `--cron "0 3 * * *"` stays and does it on a schedule.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule.system import locks, quick
from chainrule.system.errors import ChainruleError
from pipelines import server

if __name__ == "__main__":
    quick.start()
    server.set_defaults()

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed, State

from chainrule.data import incoming
from chainrule.recipes import check
from chainrule.recipes.file import recipe_block
from chainrule.retraining import decisions, evidence
from chainrule.retraining.decisions import Decision
from pipelines import artifacts, chain, flow_runs, report, timetable
from pipelines.course import Course, run, told
from pipelines.timetable import GRACE_MINUTES

SET_ASIDE = "Set aside"
"""The name of the state of a run that put files into data/rejected: an automation can wait for it."""


@flow(name="retrain", flow_run_name="retrain-{recipe}", persist_result=False, log_prints=True)  # type: ignore[untyped-decorator, unused-ignore]
def retrain(
    recipe: str,
    force: bool = False,
    commit: bool = False,
    new_classes: list[str] | None = None,
    grace_minutes: float = GRACE_MINUTES,
) -> Any:
    """Take in new files of a recipe, train if that is worth it, and promote the new model if it is not worse.

    force: train whether it seems worth it or not; commit: commit what DVC and the stages wrote, and tag a promoted
    version; new_classes: labels that are welcome although no row had them before; grace_minutes: a scheduled run that
    starts later is skipped. Works on the project in the current directory.
    """
    with flow_runs.looked_after():
        return timetable.skipped(recipe, grace_minutes) or _retrain(recipe, force, commit, list(new_classes or ()))


def _retrain(recipe: str, force: bool, commit: bool, new_classes: list[str]) -> State:
    began, root = time.monotonic(), Path.cwd()
    course = Course(root, recipe, {}, get_run_logger(), commit, force, _nothing_yet(recipe))
    try:
        check.check(root)
        course.block = recipe_block(root, recipe)
        with locks.held(evidence.lock(root, recipe), evidence.waiting(recipe)):
            try:
                run(course, new_classes)
            except (ChainruleError, OSError) as error:
                course.trouble = told(error)
                course.cancelled = isinstance(error, chain.CancelledError)
                if not course.decision.action:
                    course.decide(decisions.FAILED, course.trouble)
            finally:
                course.note(seconds=round(time.monotonic() - began, 1))
                if course.decision.action:
                    decisions.append(root, course.decision)
    except (ChainruleError, OSError) as error:
        return Failed(message=f"{recipe}: {told(error)}")
    _artifact(course)
    said = f"{recipe}: {course.decision.action}: {course.decision.reason}"
    if course.trouble and course.decision.action != decisions.FAILED:
        said = f"{said}; but then: {course.trouble}"
    if course.cancelled:
        return Cancelled(message=said)
    if course.trouble:
        return Failed(message=said)
    if course.unusable:
        # Of all that was offered nothing could be used: that is no success, whatever else was looked at.
        return (Completed if course.decision.batch else Failed)(name=SET_ASIDE, message=said)
    return Completed(message=said)


def _nothing_yet(recipe: str) -> Decision:
    return Decision(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        recipe=recipe,
        trigger=(),
        batch=None,
        rows=0,
        set_aside=0,
        drift=None,
        action="",
        reason="",
        challenger=None,
        champion=None,
        difference=None,
        commit=None,
        seconds=0.0,
        flow_run=str(flow_run.id) if flow_run.id else None,
    )


def _artifact(course: Course) -> None:
    links = []
    if course.aside is not None:
        links.append(f"what was set aside, and why: {artifacts.file_link(course.aside / incoming.REASONS)}")
    if course.drift is not None:
        links.append(f"drift: {artifacts.file_link(course.folder / 'drift.html')}")
    run = report.find_link(course.root, course.recipe, course.chain) if course.chain else None
    if run is not None:
        links.append(f"[{course.recipe} in MLflow]({run})")
    page = artifacts.decision(course.decision, course.warnings, links)
    create_markdown_artifact(
        page, key=artifacts.key(course.recipe, "retrain"), description=f"{course.recipe}: the decision"
    )


# ---- the command line


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    arguments = argparse.ArgumentParser(
        "python -m pipelines.retrain",
        description="Take in what lies in data/incoming, train if that is worth it, promote the new model if it is not "
        "worse than the champion.",
        epilog="Exit codes: 0 decided, or nothing to do; 5 the same, and files were set aside; 1 failed, what is "
        "served stays; 2 mistakes in params.yaml; 3 cancelled.",
    )
    arguments.add_argument("recipe", help="a recipe of params.yaml")
    arguments.add_argument("--force", action="store_true", help="train whether it seems worth it or not")
    arguments.add_argument(
        "--commit", action="store_true", help="commit dvc.lock and reports, and tag a promoted version"
    )
    arguments.add_argument(
        "--new-class", action="append", default=[], metavar="LABEL", help="take in rows of a class that is new"
    )
    timetable.add_options(arguments, "retrain")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a mistake of the user's is one line on stderr."""
    options = parser().parse_args(argv)
    parameters = {"force": options.force, "commit": options.commit, "new_classes": options.new_class or None}
    return timetable.main(retrain, options, f"{options.recipe}-schedule", parameters, {SET_ASIDE: 5})


if __name__ == "__main__":
    sys.exit(main())
