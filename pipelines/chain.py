"""The chain as a Prefect flow: what is stale runs, a task per stage, independent stages side by side.

`python -m pipelines.chain [recipes...]` runs it here, with a Prefect server or without; `run` is for other flows.
"""

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Before Prefect is imported: meanwhile DVC makes its plan.
    from chainrule.system import quick

    quick.start()
    from pipelines.command import main

    sys.exit(main())

import httpx
from prefect import flow, get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TagsContext
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Cancelled, Completed, Failed, State
from prefect.task_runners import ThreadPoolTaskRunner

from chainrule.system.errors import ChainruleError
from pipelines import flow_runs, report, server
from pipelines.budget import Budget, ClosedError, cores_for, urgencies, visible_gpus
from pipelines.command import RETRIES
from pipelines.dvc_runner import BUSY, UNCHANGED
from pipelines.runner import Plan, Runner

BACK_OFF = (2.0, 10.0, 60.0)
"""Seconds before the second attempt at a stage, the third, and all others."""
LOOK_SECONDS = 1.0
KEPT_LINES = 40
TRACEBACK = "Traceback (most recent call last)"
CACHED = "is cached - skipping run"


class CancelledError(ChainruleError):
    """Somebody cancelled the flow in Prefect."""

    exit_code = 3


@dataclass(frozen=True)
class Stage:
    """What became of one stage."""

    what: str
    """`ran`, `restored` (DVC had its outputs from an earlier run with the same inputs) or `unchanged`."""
    seconds: float

    def words(self) -> str:
        """Say it."""
        return f"ran in {self.seconds:.1f} s" if self.what == "ran" else self.what


@dataclass(frozen=True)
class ChainResult:
    """What a chain did; empty and without a name if nothing was stale."""

    stages: dict[str, Stage] = field(default_factory=dict)
    chain: str | None = None
    """The value of the tag `chainrule.chain` of its MLflow runs."""


@dataclass
class Work:
    """What the tasks of one flow run share."""

    runner: Runner
    budget: Budget
    chain: str
    force: bool
    mlflow: Future[Any]
    """Connects while the first stage runs: MLflow takes a second to import."""
    done: dict[str, Stage] = field(default_factory=dict)


def run(
    root: Path,
    recipes: Sequence[str] | None = None,
    *,
    force: bool = False,
    cores: int | None = None,
    retries: int = RETRIES,
) -> ChainResult:
    """Bring the recipes (all by default) of the project in `root` up to date; inside a flow as a flow of its own.

    Raises ChainruleError that says which stage failed and what to do, ParamsError with every mistake in params.yaml,
    CancelledError.
    """
    runner = Runner(root, recipes or (), force=force)
    try:
        plan = runner.plan()
        flow_runs.send_what_waits(root)
        if not plan.stages:
            flow_runs.close_dead_if_reachable()
            return ChainResult()
        server.at_hand()
        state = start(runner, list(recipes or ()), force, cores, retries)
    finally:
        runner.end()
    if not state.is_completed():
        kind = CancelledError if state.is_cancelled() else ChainruleError
        raise kind(state.message or f"the chain ended as {state.name}")
    result: ChainResult = state.result()
    return result


def start(runner: Runner, recipes: Sequence[str], force: bool, cores: int | None, retries: int) -> State:
    """Run the flow with a runner that has made its plan, and return the state it ends in.

    Raises GoneError if Prefect's server goes away meanwhile.
    """
    token = _ready.set(runner)
    try:
        # A heartbeat would hold the end of every flow up for half a second; here somebody watches.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), tags(flow_runs.mark()):
            return chain(list(recipes) or None, force, cores, retries, return_state=True)
    except httpx.TransportError as error:
        raise server.gone(error) from None
    finally:
        _ready.reset(token)


_ready: ContextVar[Runner | None] = ContextVar("runner with a plan", default=None)


@contextmanager
def _runner(recipes: Sequence[str], force: bool) -> Iterator[Runner]:
    """The runner that was made ready, or one of the flow's own."""
    ready = _ready.get()
    runner = ready or Runner(Path.cwd(), recipes, force=force)
    try:
        yield runner
    finally:
        runner.end()  # before Prefect waits for the tasks


def _named() -> str:
    """Return the name of a flow run: what it is, and of which recipes."""
    return "-".join(["chain", *(flow_run.parameters.get("recipes") or ["all"])])


@flow(  # type: ignore[untyped-decorator, unused-ignore]
    name="chain",
    flow_run_name=_named,
    task_runner=ThreadPoolTaskRunner(max_workers=1000),
    persist_result=False,
)
def chain(
    recipes: list[str] | None = None, force: bool = False, cores: int | None = None, retries: int = RETRIES
) -> Any:
    """Bring recipes (all by default) up to date: every stale stage, each as a task, side by side where they can be.

    force: run stages that are not stale, too; cores: to use at most, by default CHAINRULE_CORES or all; retries:
    further attempts at a stage whose failure may pass. Works on the project in the current directory.
    """
    log = get_run_logger()
    try:
        with _runner(recipes or (), force) as runner, flow_runs.looked_after() as cancelled:
            plan = runner.plan()
            flow_runs.send_what_waits(runner.root)
            if not plan.stages:
                return Completed(message="nothing is stale", data=ChainResult())
            name = f"{flow_run.name}-{str(flow_run.id)[:8]}"
            budget = Budget(cores_for(cores), visible_gpus())
            work = Work(runner, budget, name, force, report.connect(runner.root))
            log.info("%d of %d stages are stale: %s", len(plan.stale), len(plan.stages), ", ".join(plan.stale))
            try:
                return _follow(work, _submit(work, plan, retries), cancelled)
            finally:
                budget.close()
    except ChainruleError as error:
        return Failed(message=str(error))


def _submit(work: Work, plan: Plan, retries: int) -> dict[str, PrefectFuture[Any]]:
    """Submit every stage; each waits for the stages before it, then for its share of the machine."""
    # Without the flow run's tags, of which Prefect would ask the server for each stage whether they are limited.
    with TagsContext(current_tags=set()):
        return _submit_all(work, plan, retries)


def _submit_all(work: Work, plan: Plan, retries: int) -> dict[str, PrefectFuture[Any]]:
    urgency = urgencies(plan.stages)
    futures: dict[str, PrefectFuture[Any]] = {}
    for address, before in plan.stages.items():
        # Bound, not passed: Prefect would copy arguments.
        stage = task(
            _body(work, address, urgency[address]),
            name=address,
            task_run_name=address,
            retries=retries,
            retry_delay_seconds=list(BACK_OFF[: max(1, retries)]),
            retry_condition_fn=_may_pass,
            cache_policy=NO_CACHE,
            persist_result=False,
        )
        futures[address] = stage.submit(wait_for=[futures[name] for name in before])
    return futures


def _body(work: Work, address: str, urgency: int) -> Callable[[], State]:
    def stage() -> State:
        return _stage(work, address, urgency)

    return stage


def _stage(work: Work, address: str, urgency: int) -> State:
    """Run one stage within the budget and return the state of its task."""
    log = get_run_logger()
    tail: deque[str] = deque(maxlen=KEPT_LINES)

    def say(line: str) -> None:
        if line.strip():
            tail.append(line)
            log.info("%s", line)

    try:
        with work.budget.lend(address.partition("@")[0], urgency) as share:
            began = time.monotonic()
            environment = {"CHAINRULE_CHAIN": work.chain, **share.environment()}
            code = work.runner.run(address, environment, say, force=work.force)
            seconds = time.monotonic() - began
    except ClosedError:
        return Cancelled(message="the flow ended before its turn")
    except ChainruleError as error:
        if work.runner.ending:
            return Cancelled(message="ended with the flow")
        return Failed(message=f"{address}: {error}")
    if code in (0, UNCHANGED):
        restored = any(CACHED in line for line in tail)
        what = "unchanged" if code == UNCHANGED else "restored" if restored else "ran"
        work.done[address] = Stage(what, seconds)
        return Completed(name=what.capitalize(), message=work.done[address].words())
    if work.runner.ending:
        return Cancelled(message="ended with the flow")
    return Failed(message=failure(address, code, tail), data=may_pass(code, tail))


def _may_pass(task: Any, task_run: Any, state: State) -> bool:
    """Whether Prefect should try a stage again: what it failed of may pass, and the flow goes on."""
    return state.data is True


def may_pass(code: int, output: Iterable[str]) -> bool:
    """Whether a further attempt at a stage may go better.

    A mistake that the stage names itself (exit codes 1 and 2) will be there again; what killed it, a lock that another
    DVC holds, or an exception that nobody foresaw may not.
    """
    return code not in (1, 2) or any(TRACEBACK in line for line in output)


def failure(address: str, code: int, output: Iterable[str]) -> str:
    """Return one line that says why a stage failed, in its own words if it had any."""
    lines = [line for line in output if not line.startswith("failed to reproduce")]
    own = [line for line in lines if line.startswith(f"{address}: ")]
    if code == BUSY:
        return f"{address}: another DVC works on its files; start the flow again when that has ended"
    if code > 128:
        return f"{address}: was killed (signal {code - 128}); start the flow again, it goes on where it was"
    if code in (1, 2) and own and not any(TRACEBACK in line for line in lines):
        return own[-1]
    return f"{address}: {lines[-1].strip() if lines else f'ended with exit code {code}'}"


def _follow(work: Work, futures: dict[str, PrefectFuture[Any]], cancelled: threading.Event) -> Any:
    """Wait for the stages, publish what each recipe came to when its last one has ended, and sum up."""
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    for address, future in futures.items():
        future.add_done_callback(lambda _, address=address: ended.put(address))
    running, unpublished = set(futures), {_recipe(address) for address in futures}
    while running:
        with suppress(queue.Empty):  # then it is time to look whether somebody cancelled
            running.remove(ended.get(timeout=LOOK_SECONDS))
        if cancelled.is_set():
            return Cancelled(message="cancelled: the stages that ran were ended, finished ones are kept")
        for recipe in unpublished - {_recipe(address) for address in running}:
            unpublished.remove(recipe)
            _publish(work, recipe, futures)
    return _sum_up(work, futures)


def _recipe(address: str) -> str:
    return address.partition("@")[2]


def _publish(work: Work, recipe: str, futures: dict[str, PrefectFuture[Any]]) -> None:
    """Make the recipe's artifacts, unless all its stages turned out unchanged."""
    mine = [address for address in futures if _recipe(address) == recipe]
    if recipe and any(address not in work.done or work.done[address].what != "unchanged" for address in mine):
        words = {
            address: work.done[address].words() if address in work.done else "did not end well" for address in mine
        }
        try:
            report.publish(work.mlflow, work.runner.root, recipe, work.chain, words)
        except (httpx.HTTPError, PrefectException) as error:  # no reason to lose what the stages did
            get_run_logger().warning("no artifacts for %s: Prefect's server did not take them (%s)", recipe, error)


def _sum_up(work: Work, futures: dict[str, PrefectFuture[Any]]) -> Any:
    log = get_run_logger()
    failed = [future.state.message for future in futures.values() if future.state.is_failed()]
    undone = [address for address in futures if address not in work.done]
    for what in ("ran", "restored", "unchanged"):
        names = [address for address, stage in work.done.items() if stage.what == what]
        if names:
            log.info("%s: %s", what, ", ".join(names))
    if undone:
        remedy = "what is done is kept: mend it and start the flow again"
        return Failed(message=f"{'; '.join(map(str, failed)) or 'stages ended early'} ({remedy})")
    return ChainResult(work.done, work.chain)
