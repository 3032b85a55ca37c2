"""A worker of a search: it runs one trial after the other until there are enough, beside any number of others."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chainrule.evaluation import primary
from chainrule.recipes import check, in_force
from chainrule.recipes.file import complete
from chainrule.search import space, study, trial
from chainrule.search.plan import Plan
from chainrule.system import processes
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

Say = Callable[[str], object]


def heading(plan: Plan, left: int) -> str:
    """Return what is about to be searched, and how, in lines."""
    better = "more" if plan.more_is_better else "less"
    begun = plan.trials - left
    done = f", {begun} of them done before" if begun else ""
    how = f"{plan.sampler}, pruned by {plan.pruner}"
    judged = f"judged by the validation rows' {primary.words(plan.metric)}, {better} is better"
    lines = [
        f"{plan.study}: {plan.trials} trials{done} ({how}), {judged}; each runs {', '.join(plan.stages)}",
        *(
            f"  {key}: {given if isinstance(given, str) else ', '.join(map(shown, given))}"
            for key, given in plan.space.items()
        ),
    ]
    return "\n".join(lines)


def run(plan: Plan, jobs: int, say: Say) -> None:
    """Run the trials that are still to begin, in so many processes; each holds its share of the cores."""
    if jobs == 1:
        work(plan, 0, say)
        return
    cores = os.environ.get(processes.CORES) or str(max(1, processes.available_cores() // jobs))
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work_beside, args=(plan, place, cores)) for place in range(jobs)]
    for process in workers:
        process.start()
    try:
        for process in workers:
            process.join()
    finally:
        for process in workers:
            process.terminate()
            process.join()
    if failed := [process.exitcode for process in workers if process.exitcode]:
        raise ChainruleError(f"{len(failed)} of {jobs} workers ended early (their message is above)")


def _work_beside(plan: Plan, place: int, cores: str) -> None:
    processes.end_with_parent()
    os.environ[processes.CORES] = cores
    work(plan, place, lambda line: print(line, flush=True))


def work(plan: Plan, place: int, say: Say) -> None:
    """Run trials until there are enough."""
    opened = study.open_study(plan)
    while (line := one(plan, opened, place)) is not None:
        say(line)


def one(plan: Plan, opened: "Study", place: int = 0) -> str | None:
    """Run one trial and return what came of it in a line; None where there are enough.

    place: of this worker among those that began together.
    """
    if study.left(opened, plan) == 0:
        return None
    with processes.lent_cores(f"search of {plan.recipe}", plan.root / ".chainrule" / "cores") as cores:
        if study.left(opened, plan) == 0:  # others were at it while this one waited
            return None
        opened.sampler = study.sampler(plan, opened, place)
        number: list[int] = []

        def objective(asked: "Trial") -> float:
            number.append(asked.number)
            return _try(plan, asked, cores)

        opened.optimize(objective, n_trials=1)
    ended = opened.trials[number[0]]
    found = study.best(opened)
    best = found is not None and found.number == ended.number
    return f"trial {ended.number}: {told(plan, ended)}{' (best so far)' if best else ''}"


def _try(plan: Plan, asked: "Trial", cores: int) -> float:
    """Train one trial and return PRIMARY on the validation rows; TrialPruned for what need not or cannot go on."""
    from optuna import TrialPruned

    from chainrule.runs import tracking

    asked.set_user_attr("owner", study.owner())
    values = space.suggest(asked, plan.space, plan.sampler)
    asked.set_user_attr("values", values)
    asked.set_user_attr("own", values == space.own_values(plan.space, complete(plan.given)))
    began = time.monotonic()

    def report(value: float, epoch: int) -> None:
        asked.report(value, epoch)
        if asked.should_prune():
            raise TrialPruned

    os.environ["CHAINRULE_CHAIN"] = f"search-{plan.study}"
    params, defaults = in_force.logged_of(plan.given)
    tracked = tracking.Trial(f"search {plan.study.rpartition('-')[2]}", values)
    try:
        check.check(plan.root, plan.recipe, values)
        with tracking.stage_run(
            plan.root, plan.recipe, f"trial {asked.number}", params, defaults, trial=tracked
        ) as run:
            try:
                found = trial.train(plan, asked.number, values, run, report, cores)
            except TrialPruned:
                run.metrics({"pruned": 1})
                pruned = True
            else:
                pruned = False
                run.metrics({plan.metric: found[plan.metric]})
    except ChainruleError as error:
        # To the sampler as bad as any: it looks elsewhere.
        asked.set_user_attr("error", " ".join(str(error).split())[:500])
        raise TrialPruned from None
    finally:
        asked.set_user_attr("seconds", round(time.monotonic() - began, 1))
    if pruned:
        raise TrialPruned
    asked.set_user_attr("epoch", found["best_epoch"])
    asked.set_user_attr("epochs", found["epochs"])
    return float(found[plan.metric])


def told(plan: Plan, ended: "FrozenTrial") -> str:
    """Return what came of a trial, in words."""
    known = ended.user_attrs
    name, seconds = primary.words(plan.metric), f"{known.get('seconds', 0):.0f} s"
    tried = settings(known.get("values", ended.params))
    own = " (as the recipe is)" if known.get("own") else ""
    if "error" in known:
        said = f"cannot be trained: {known['error']}"
    elif ended.value is not None and "epoch" in known:
        said = (
            f"{name} {primary.number(plan.unit, ended.value)}, epoch {known['epoch']} of {known['epochs']}, {seconds}"
        )
    elif ended.intermediate_values:
        last, value = max(ended.intermediate_values.items())
        said = f"pruned after epoch {last} at {name} {primary.number(plan.unit, value)}, {seconds}"
    else:
        said = f"ended early, {seconds}"
    return f"{said}: {tried}{own}"


def settings(values: Mapping[str, Any]) -> str:
    """Return what was tried, as keys without their section."""
    return ", ".join(f"{short(key)} {shown(value)}" for key, value in values.items())


def short(key: str) -> str:
    """Return a dotted key as it is shown: without its section where that is the training's."""
    return key.removeprefix("finetune.")


def shown(value: Any) -> str:
    """Return a value as it is shown."""
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
