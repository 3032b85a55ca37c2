"""Retraining as a Prefect flow: new files, drift, a new model, a fair comparison, a promotion or a refusal.

`python -m pipelines.retrain RECIPE` does it once; `--cron "0 3 * * *"` stays and does it on a schedule.
"""

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chainrule.system import locks
from chainrule.system.errors import ChainruleError
from pipelines import quick, server

if __name__ == "__main__":
    quick.start()
    server.set_defaults()

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed, State

from chainrule.data import batches, incoming
from chainrule.evaluation import quality
from chainrule.recipes import check, in_force
from chainrule.recipes.file import recipe_block, section
from chainrule.recipes.retrain import Retrain
from chainrule.release import promotion
from chainrule.retraining import decisions, evidence, versioning
from chainrule.retraining.decisions import Decision
from chainrule.runs import tracking
from chainrule.system import dvc_lock, progress, words
from pipelines import artifacts, chain, report, runs, timetable
from pipelines.timetable import GRACE_MINUTES

if TYPE_CHECKING:
    from chainrule import drift

CHAIN = "CHAINRULE_CHAIN"
SET_ASIDE = "Set aside"
"""The name of the state of a run that put files into data/rejected: an automation can wait for it."""

Result = TypeVar("Result")


@dataclass
class Course:
    """One retraining as far as it has come."""

    root: Path
    recipe: str
    block: dict[str, Any]
    log: Any
    commit: bool
    force: bool
    decision: Decision
    champion: evidence.Champion | None = None
    new: dict[str, int] = field(default_factory=dict)
    drift: "drift.Report | None" = None
    aside: Path | None = None
    """Where what was set aside is."""
    unusable: bool = False
    """Whether files that were offered are set aside, now or since an earlier intake."""
    chain: str = ""
    """The name of its runs in MLflow."""
    warnings: list[str] = field(default_factory=list)
    """What whoever reads the decision has to know first."""
    trouble: str = ""
    """What went wrong, whatever was decided before."""
    cancelled: bool = False

    @property
    def folder(self) -> Path:
        """Where the pages of the recipe's newest retraining are."""
        return self.root / ".chainrule" / "retrain" / self.recipe

    @property
    def settings(self) -> Retrain:
        """Return the section `retrain` of the recipe."""
        return section(self.block, "retrain", Retrain)

    def say(self, line: str) -> None:
        """Write a line to the flow run's log."""
        self.log.info("%s", line)

    def warn(self, line: str) -> None:
        """Say something loudly: in the log, in the decision's reason and on its page."""
        self.log.warning("%s: %s", self.recipe, line)
        self.warnings.append(line)

    def note(self, **changes: Any) -> None:
        """Put down more of the decision."""
        self.decision = replace(self.decision, **changes)

    def decide(self, action: str, reason: str) -> None:
        """Put down what was decided and why, with what was warned of."""
        self.note(action=action, reason="; ".join([reason, *self.warnings]))


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
    with runs.looked_after():
        return timetable.skipped(recipe, grace_minutes) or _retrain(recipe, force, commit, list(new_classes or ()))


def _retrain(recipe: str, force: bool, commit: bool, new_classes: list[str]) -> State:
    began, root = time.monotonic(), Path.cwd()
    course = Course(root, recipe, {}, get_run_logger(), commit, force, _nothing_yet(recipe))
    try:
        check.check(root)
        course.block = recipe_block(root, recipe)
        with locks.held(evidence.lock(root, recipe), evidence.waiting(recipe)):
            try:
                _run(course, new_classes)
            except (ChainruleError, OSError) as error:
                course.trouble = _told(error)
                course.cancelled = isinstance(error, chain.CancelledError)
                if not course.decision.action:
                    course.decide(decisions.FAILED, course.trouble)
            finally:
                course.note(seconds=round(time.monotonic() - began, 1))
                if course.decision.action:
                    decisions.append(root, course.decision)
    except (ChainruleError, OSError) as error:
        return Failed(message=f"{recipe}: {_told(error)}")
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


def _told(error: Exception) -> str:
    """Return an error as the flow's state shows it; anything that is no mistake outside the code is raised again."""
    if isinstance(error, ChainruleError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); free room and run the retraining again; {evidence.KEEPS}"
    raise error


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


# ---- the steps, each a task


def _run(course: Course, new_classes: list[str]) -> None:
    root, recipe = course.root, course.recipe
    if course.commit:
        versioning.check(root, recipe)  # rather now than after an hour of training
    # Before anything is taken in: a registry that is down ends the flow here.
    course.champion = _step("champion", lambda: evidence.champion(root, recipe, course.say))
    course.note(champion=course.champion.number if course.champion else None)
    _step("intake", lambda: _intake(course, new_classes))
    course.new = evidence.undecided(root, recipe)
    if course.champion is not None and course.new:
        _step("drift", lambda: _drift(course))
    trigger = evidence.triggers(course.settings, course.champion, course.new, course.drift, force=course.force)
    course.note(trigger=trigger)
    if not trigger:
        waiting = sum(course.new.values())
        worth = f"{words.count(waiting, 'new row')}; {course.settings.rows:,} are worth a training"
        course.decide(decisions.NOTHING, worth)
        return
    course.say(f"{recipe}: trains, because: {', '.join(trigger)}")
    result = chain.run(root, [recipe])
    course.note(batches=tuple(batches.names(batches.prepare(root, recipe, dvc_lock.read))))
    course.chain = result.chain or f"retrain-{flow_run.id}"
    _decide(course)


def _step(name: str, work: Callable[[], Result]) -> Result:
    """Run a step as a task; ChainruleError with what is to be mended if it fails."""

    def guarded() -> Any:
        try:
            return [work()]  # in a list: a task's None would be a state's missing result
        except (ChainruleError, OSError) as error:
            return Failed(message=_told(error))

    state: State[Any] = task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)(guarded)(
        return_state=True
    )
    if not state.is_completed():
        raise ChainruleError(state.message or f"the step {name} ended as {state.name}")
    found: list[Result] = state.result()
    return found[0]


def _intake(course: Course, new_classes: list[str]) -> None:
    root, recipe, block = course.root, course.recipe, course.block

    def track(items: Collection[Any], label: str, unit: str = "rows") -> Iterator[Any]:
        return progress.track(items, f"retrain@{recipe}: {label}", unit)

    taken = incoming.take_in(root, recipe, block, new_classes=new_classes, progress=track)
    course.note(batch=taken.batch, rows=taken.rows, set_aside=len(taken.set_aside))
    course.unusable = bool(taken.set_aside or taken.aside_before)
    if taken.batch:
        rows = int(batches.manifest(root / batches.ACCEPTED / recipe / taken.batch)["rows"])
        unusable = f", {rows - taken.rows:,} of them unusable" if rows > taken.rows else ""
        files = words.count(len(taken.accepted), "file")
        course.say(f"{recipe}: took in {files}, {words.count(rows, 'row')}{unusable}, as {taken.batch}")
    for name, reason in taken.waiting.items():
        course.say(f"{recipe}: left where it is: {name}: {reason}")
    again = [name for name in taken.repeated if name not in taken.aside_before]
    if again:
        course.say(f"{recipe}: taken in before: {words.count(len(again), 'file')}: {words.listed(again)}")
    if taken.aside_before:
        files = words.count(len(taken.aside_before), "file was", "files were")
        places = words.listed(sorted({str(folder.relative_to(root)) for folder in taken.aside_before.values()}))
        remedy = "to have them looked at again, move them from there and remove that folder"
        course.warn(f"{files} set aside before, in {places}: {words.listed(list(taken.aside_before))}; {remedy}")
    if taken.aside is not None:
        named = words.listed([f"{name} ({reason})" for name, reason in taken.set_aside.items()])
        files = words.count(len(taken.set_aside), "file was", "files were")
        course.aside = taken.aside
        course.warn(f"{files} set aside in {taken.aside.relative_to(root)}: {named}")


def _drift(course: Course) -> None:
    from chainrule import drift

    assert course.champion is not None
    found = evidence.drifted(course.root, course.recipe, course.block, course.champion, list(course.new))
    if found is None:
        return
    course.drift = found
    flagged = [f"{test.name}: {test.said}" for test in found.tests if test.flagged]
    course.note(drift={"flagged": found.flagged, "tests": flagged})
    drift.write(found, course.folder, course.recipe, "validation rows", f"new rows ({words.listed(list(course.new))})")
    course.say(f"{course.recipe}: {drift.summary(found)}; page: {course.folder / 'drift.html'}")


def _decide(course: Course) -> None:
    """Compare, then promote or refuse, with an MLflow run of its own in the chain's."""
    root, recipe, champion = course.root, course.recipe, course.champion
    exported = evidence.exported(root, recipe)
    sha256 = exported.sums["model.onnx"]
    prefer = champion.number if champion else None
    number = _step("registered", lambda: evidence.registered(root, recipe, sha256, prefer))
    course.note(challenger=number)
    standing = quality.of_signature(exported.signature)
    if standing is not None and quality.is_under(standing):
        course.warn(f"version {number} is {quality.in_words(standing)}; {quality.REMEDY}")
    if champion is not None and champion.sha256 == sha256:
        course.decide(decisions.NOTHING, f"the model is the same as version {champion.number}, the champion")
    elif champion is not None and not course.force and (when := _refused(course, number, champion.number)):
        course.decide(decisions.NOTHING, f"version {number} was refused on {when}; nothing changed since")
    else:
        with (
            _chain_name(course.chain),
            tracking.stage_run(root, recipe, "retrain", *in_force.logged(root, recipe)) as run,
        ):
            _contest(course, run, number)
            _record(course, run)
    if course.commit:
        _step("commit", lambda: _commit(course))


def _refused(course: Course, challenger: int, champion: int) -> str | None:
    return evidence.refused_before(course.root, course.recipe, challenger, champion)


def _contest(course: Course, run: tracking.Run, number: int) -> None:
    root, recipe, champion = course.root, course.recipe, course.champion
    if champion is None:
        reason = "the first model: there is no champion to compare it with"
        fit = True
    else:
        found = _step("compare", lambda: evidence.compare(root, recipe, course.block, champion))
        run.metrics({f"difference.{key}": value for key, value in found["difference"].items()})
        run.metrics(
            {key: found[key] for key in ("challenger_accuracy", "champion_accuracy", "rows", "groups", "margin")}
        )
        reason, fit = evidence.verdict(found, champion.number), found["not_worse"]
        course.note(difference=found["difference"])
    if fit:
        _step("promote", lambda: promotion.promote(root, recipe, number, reason=reason, say=course.say))
        course.decide(decisions.PROMOTED, reason)
    else:
        course.decide(decisions.REFUSED, f"{reason}; version {champion and champion.number} stays")


def _record(course: Course, run: tracking.Run) -> None:
    """Show the decision and the drift report in MLflow."""
    folder = course.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decision.json").write_text(json.dumps(asdict(course.decision), indent=2, ensure_ascii=False) + "\n")
    run.artifact(folder / "decision.json")
    if course.drift is not None:
        from chainrule import drift

        run.metrics(drift.metrics(course.drift))
        run.artifact(folder / "drift.html")
        run.artifact(folder / "drift.png", "figures")


@contextmanager
def _chain_name(name: str) -> Iterator[None]:
    """Let runs that are tracked in the block belong to the chain of that name."""
    before = os.environ.get(CHAIN)
    os.environ[CHAIN] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[CHAIN]
        else:
            os.environ[CHAIN] = before


def _commit(course: Course) -> None:
    root, recipe, decision = course.root, course.recipe, course.decision
    message = f"{recipe}: version {decision.challenger} {decision.action}\n\n{decision.reason}\n"
    course.note(commit=versioning.commit(root, recipe, message))
    served = promotion.served_version(root, recipe)
    if served is not None and int(served) == decision.challenger:
        versioning.tag(root, recipe, decision.challenger, decision.reason)


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
