"""The study of a search, as Optuna keeps it: made once, shared by processes, cleared of what the dead left.

A trial's user attributes: `owner` (host, process, its birth), `values` (what was tried, by dotted key), `own` (they are
the recipe's own), `error` (why it could not be trained), `seconds`, `epoch` and `epochs` (whose weights were kept, of
how many).
"""

import os
import socket
from typing import TYPE_CHECKING, Any

from chainrule.recipes.file import complete
from chainrule.runs.journal import birth
from chainrule.search import space
from chainrule.search.plan import Plan
from chainrule.system import locks
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

STORE = "search.db"
WAIT_SECONDS = 60
"""The most that a process waits for another that writes to the project's own store."""


def open_study(plan: Plan) -> "Study":
    """Return the plan's study, made if it is not there, its dead trials marked as failed.

    Raises ChainruleError where its storage cannot be used.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Of two processes that make a new SQLite store at once, one dies.
    with locks.held(plan.root / ".chainrule" / "locks" / "search.lock"):
        try:
            study = optuna.create_study(
                study_name=plan.study,
                storage=optuna.storages.RDBStorage(**_storage(plan)),
                direction="maximize" if plan.more_is_better else "minimize",
                pruner=_pruner(plan.pruner),
                load_if_exists=True,
            )
            fail_dead(study)
            if not study.get_trials(deepcopy=False) and plan.sampler != "grid":
                _begin_with_own(study, plan)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise ChainruleError(f"--storage {plan.storage}: {_one_line(error)}") from None
    return study


def _storage(plan: Plan) -> dict[str, Any]:
    if plan.storage is not None:
        return {"url": plan.storage}
    (plan.root / ".chainrule").mkdir(exist_ok=True)
    url = f"sqlite:///{plan.root / '.chainrule' / STORE}"
    return {"url": url, "engine_kwargs": {"connect_args": {"timeout": WAIT_SECONDS}}}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _begin_with_own(study: "Study", plan: Plan) -> None:
    """Let the first trial be the recipe as it is: what is found is then held against it."""
    own = space.own_values(plan.space, complete(plan.given))
    if own is not None:
        study.enqueue_trial(own)


def _pruner(name: str) -> "BasePruner":
    from optuna import pruners

    if name == "hyperband":
        return pruners.HyperbandPruner()
    # After five whole trials, from the second epoch on: it compares the best value so far with the others' until then.
    return pruners.MedianPruner(n_warmup_steps=2) if name == "median" else pruners.NopPruner()


def sampler(plan: Plan, study: "Study", worker: int) -> "BaseSampler":
    """Return what chooses the values of the next trial: a function of seed, worker and the trials that there are.

    So a search that was interrupted goes on as it would have, and workers that begin together begin apart.
    """
    from optuna import samplers

    seed = (plan.seed + 7919 * len(study.get_trials(deepcopy=False)) + 104_729 * worker) % 2**31
    if plan.sampler == "grid":
        return samplers.GridSampler(space.grid(plan.space), seed=plan.seed)
    return samplers.TPESampler(seed=seed, constant_liar=True) if plan.sampler == "tpe" else samplers.RandomSampler(seed)


def left(study: "Study", plan: Plan) -> int:
    """Return how many trials are still to begin; those that died do not count."""
    from optuna.trial import TrialState

    begun = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING))
    return max(0, plan.trials - len(begun))


def owner() -> list[Any]:
    """Return what tells this process from every other."""
    return [socket.gethostname(), os.getpid(), birth(os.getpid())]


def fail_dead(study: "Study") -> list[int]:
    """Mark as failed what processes of this machine left running when they died; return the trials' numbers."""
    from optuna.trial import TrialState

    dead = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, pid, born = trial.user_attrs.get("owner", (None, 0, None))
        if host == socket.gethostname() and birth(pid) != born:
            study.tell(trial.number, state=TrialState.FAIL)
            dead.append(trial.number)
    return dead


def best(study: "Study") -> "FrozenTrial | None":
    """Return the best whole trial, the first of those that tie; None before there is one."""
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return min(whole, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)
