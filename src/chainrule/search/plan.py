"""The plan of a search: all that its trials share, settled and checked before the first of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.recipes import check, in_force
from chainrule.recipes.file import complete, given_block, section
from chainrule.recipes.search import Given, Search
from chainrule.reproduction import staleness
from chainrule.runs import tracking
from chainrule.search import space as spaces
from chainrule.system.errors import ChainruleError, DataError
from chainrule.tasks import measures

PLACE = Path(".chainrule") / "search"
TRIED = ("augment", "pretrain", "finetune")
"""The stages that a trial can run, in their order."""
RUNS = {"augment": "augment", "net": "pretrain", "pretrain": "pretrain"}
"""Section of a searched key -> the stage beside `finetune` that a trial has to run for it."""
NOT_OURS = ("search", "retrain", "evaluate", "export")
"""Sections that change nothing of a training."""


@dataclass(frozen=True)
class Plan:
    """One search. Plain data: it is sent to the processes that work on it."""

    root: Path
    recipe: str
    given: dict[str, Any]
    """The recipe's block as params.yaml has it."""
    space: dict[str, Given]
    trials: int
    sampler: str
    pruner: str
    seed: int
    storage: str | None
    """The address of a database; None: the project's own."""
    metric: str
    unit: str
    more_is_better: bool
    study: str
    """The study's name: the same recipe, data and space have the same, whoever asks."""

    @property
    def stages(self) -> list[str]:
        """Return the stages that each trial runs, in their order."""
        wanted = {"finetune", *(RUNS[key.partition(".")[0]] for key in self.space if key.partition(".")[0] in RUNS)}
        return [stage for stage in TRIED if stage in wanted]

    @property
    def chain(self) -> str:
        """Return the chain that its trials are of in MLflow."""
        return f"search-{self.study}"

    def tracked(self, values: Mapping[str, Any]) -> tracking.Trial:
        """Return what MLflow is told of a trial."""
        return tracking.Trial(f"search {self.study.rpartition('-')[2]}", values)

    @property
    def folder(self) -> Path:
        """Return where the search keeps its logs and pictures."""
        return self.root / PLACE / self.study


def make(root: Path, recipe: str, options: Mapping[str, Any], *, seed: int | None, storage: str | None) -> Plan:
    """Return the plan of a recipe's search.

    options: of its section `search`, where they are not None. Raises ParamsError with every mistake in params.yaml, the
    section or the options; DataError where what its trials read is not there, or not up to date.
    """
    given = given_block(root, recipe)
    asked = {**(given.get("search") or {}), **{key: value for key, value in options.items() if value is not None}}
    check.check(root, recipe, {"search": asked})
    settings = section({"search": asked}, "search", Search)
    block = in_force.in_force(given)
    space = settings.space or spaces.default(complete(given))
    trials = settings.trials
    if settings.sampler == "grid":
        size = 1
        for values in spaces.grid(space).values():
            size *= len(values)
        trials = min(trials, size) if "trials" in asked else size
    measure = measures.of(block["task"])
    shared = {
        "block": {name: value for name, value in block.items() if name not in NOT_OURS},
        "space": space,
        "data": tracking.lock_hashes(root, recipe, "finetune"),
    }
    digest = hashlib.sha256(json.dumps(shared, sort_keys=True, default=str).encode()).hexdigest()
    plan = Plan(
        root,
        recipe,
        given,
        space,
        trials,
        settings.sampler,
        settings.pruner,
        int(block["seed"]) if seed is None else seed,
        storage,
        measure.PRIMARY.name,
        measure.PRIMARY.unit,
        measure.PRIMARY.more_is_better,
        f"{recipe}-{digest[:8]}",
    )
    refuse_stale(root, recipe, plan.stages)
    return plan


def refuse_stale(root: Path, recipe: str, own: Sequence[str]) -> None:
    """Raise DataError where stages before `finetune` are not up to date, but for a trial's own."""
    wanted = [stage for stage in tracking.CHAIN[: tracking.CHAIN.index("finetune")] if stage not in own]
    found = staleness.look(root).get(recipe)
    if found is None:
        raise ChainruleError(f"dvc.yaml has no stage of {recipe}")
    late = [stage for stage in found if stage.name in wanted and (stage.reasons or stage.follows)]
    if late:
        why = "; ".join(f"{stage.name}: {next(iter(stage.reasons), 'follows one that is stale')}" for stage in late[:3])
        command = " ".join(["dvc repro", *(f"{stage.name}@{recipe}" for stage in late)])
        raise DataError(f"{recipe}: what trials read is not up to date ({why}); `{command}`")
