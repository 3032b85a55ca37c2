"""The course of a retraining: what came in, whether it drifted, a new model, the comparison, the decision.

Each step is a task of the flow `pipelines.retrain`.
"""

import errno
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Failed, State

from chainrule.data import batches, incoming
from chainrule.evaluation import quality
from chainrule.recipes import in_force
from chainrule.recipes.file import section
from chainrule.recipes.retrain import Retrain
from chainrule.release import promotion
from chainrule.retraining import decisions, evidence, versioning
from chainrule.retraining.decisions import Decision
from chainrule.runs import tracking
from chainrule.system import dvc_lock, progress, words
from chainrule.system.errors import ChainruleError
from pipelines import chain

if TYPE_CHECKING:
    from chainrule.drift import testing

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
    drift: "testing.Report | None" = None
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


def told(error: Exception) -> str:
    """Return an error as the flow's state shows it; anything that is no mistake outside the code is raised again."""
    if isinstance(error, ChainruleError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); free room and run the retraining again; {evidence.KEEPS}"
    raise error


def run(course: Course, new_classes: list[str]) -> None:
    """Go through the steps until something is decided."""
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
            return Failed(message=told(error))

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
    from chainrule.drift import page as drift_page

    assert course.champion is not None
    found = evidence.drifted(course.root, course.recipe, course.block, course.champion, list(course.new))
    if found is None:
        return
    course.drift = found
    flagged = [f"{test.name}: {test.said}" for test in found.tests if test.flagged]
    course.note(drift={"flagged": found.flagged, "tests": flagged})
    drift_page.write(
        found, course.folder, course.recipe, "validation rows", f"new rows ({words.listed(list(course.new))})"
    )
    course.say(f"{course.recipe}: {drift_page.summary(found)}; page: {course.folder / 'drift.html'}")


def _decide(course: Course) -> None:
    """Compare, then promote or refuse, with an MLflow run of its own in the chain's."""
    root, recipe, champion = course.root, course.recipe, course.champion
    exported = evidence.exported(root, recipe)
    sha256 = exported.sums["model.onnx"]
    prefer = champion.number if champion else None
    number = _step("registered", lambda: evidence.registered(root, recipe, sha256, prefer))
    course.note(challenger=number)
    standing = quality.of_signature(exported.signature)
    if quality.is_under(standing):
        course.warn(f"version {number} is {quality.in_words(standing)}; {quality.REMEDY}")
    if champion is not None and champion.sha256 == sha256:
        course.decide(decisions.NOTHING, f"the model is the same as version {champion.number}, the champion")
    elif not course.force and (when := _refused(course, number)):
        course.decide(decisions.NOTHING, f"version {number} was refused on {when}; nothing changed since")
    else:
        with (
            tracking.chain(course.chain),
            tracking.stage_run(root, recipe, "retrain", *in_force.logged(root, recipe)) as run,
        ):
            _contest(course, run, number, under=quality.is_under(standing))
            _record(course, run)
    if course.commit:
        _step("commit", lambda: _commit(course))


def _refused(course: Course, challenger: int) -> str | None:
    if course.champion is None and course.settings.below_floor:
        return None  # a first model can only have been refused for its floor
    champion = course.champion.number if course.champion else None
    return evidence.refused_before(course.root, course.recipe, challenger, champion)


def _contest(course: Course, run: tracking.Run, number: int, under: bool) -> None:
    root, recipe, champion, below_floor = course.root, course.recipe, course.champion, course.settings.below_floor
    if under and not below_floor:
        reason = f"version {number} is under its floor, which retrain.below_floor: true would allow"
        fit = False
    elif champion is None:
        reason = "the first model: there is no champion to compare it with"
        fit = True
    else:
        found = _step("compare", lambda: evidence.compare(root, recipe, course.block, champion))
        run.metrics(evidence.numbers(found))
        reason, fit = evidence.verdict(found, champion.number), evidence.fit(found)
        course.note(difference=found["difference"] | {"primary": found["primary"]})
    if fit:
        _step("promote", lambda: _promoted(course, number, reason))
        course.decide(decisions.PROMOTED, reason)
    else:
        stays = f"version {champion.number} stays" if champion else "there is no champion"
        course.decide(decisions.REFUSED, f"{reason}; {stays}")


def _promoted(course: Course, number: int, reason: str) -> object:
    allowed = course.settings.below_floor
    return promotion.promote(course.root, course.recipe, number, reason=reason, below_floor=allowed, say=course.say)


def _record(course: Course, run: tracking.Run) -> None:
    """Show the decision and the drift report in MLflow."""
    folder = course.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decision.json").write_text(json.dumps(asdict(course.decision), indent=2, ensure_ascii=False) + "\n")
    run.artifact(folder / "decision.json")
    if course.drift is not None:
        from chainrule.drift import page as drift_page

        run.metrics(drift_page.metrics(course.drift))
        run.artifact(folder / "drift.html")
        run.artifact(folder / "drift.png", "figures")


def _commit(course: Course) -> None:
    root, recipe, decision = course.root, course.recipe, course.decision
    message = f"{recipe}: version {decision.challenger} {decision.action}\n\n{decision.reason}\n"
    course.note(commit=versioning.commit(root, recipe, message))
    served = promotion.served_version(root, recipe)
    if served is not None and int(served) == decision.challenger:
        versioning.tag(root, recipe, decision.challenger, decision.reason)
