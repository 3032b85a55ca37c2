"""The plan of a cross-validation: what its turns share, settled and checked before the first of them."""

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.recipes import check, in_force
from chainrule.recipes.file import complete, given_block
from chainrule.runs import tracking
from chainrule.search.plan import refuse_stale
from chainrule.system.errors import ParamsError
from chainrule.system.files import sha256

PLACE = Path(".chainrule") / "crossvalidation"
STAGES = ("augment", "pretrain", "finetune")
"""What each turn runs: nothing that a stage learns from rows may come from rows that are held out."""
NOT_OURS = ("search", "retrain", "export", "incoming")


@dataclass(frozen=True)
class Plan:
    """One cross-validation."""

    root: Path
    recipe: str
    given: dict[str, Any]
    """The recipe's block as params.yaml has it."""
    block: dict[str, Any]
    """The same with its defaults."""
    folds: int
    name: str
    """The same recipe, data, code and number of folds have the same name: what is done is not done again."""

    @property
    def folder(self) -> Path:
        """Return where its turns are kept until all are there, and their logs."""
        return self.root / PLACE / self.name

    @property
    def title(self) -> str:
        """Return what its runs are called together."""
        return f"crossvalidation {self.name.rpartition('-')[2]}"


def make(root: Path, recipe: str, folds: int) -> Plan:
    """Return the plan; ParamsError for a mistake in params.yaml or fewer than 2 folds, DataError for stale inputs."""
    if folds < 2:
        raise ParamsError(f"--folds {folds}: at least 2")
    check.check(root)
    given = given_block(root, recipe)
    block = complete(given)
    refuse_stale(root, recipe, STAGES)
    shared = {
        "block": {name: value for name, value in in_force.in_force(given).items() if name not in NOT_OURS},
        "folds": folds,
        "data": tracking.lock_hashes(root, recipe, "augment") | _base(root, recipe),
        "code": _code(root, recipe, block),
    }
    digest = hashlib.sha256(json.dumps(shared, sort_keys=True, default=str).encode()).hexdigest()
    return Plan(root, recipe, given, block, folds, f"{recipe}-{folds}-{digest[:8]}")


def _base(root: Path, recipe: str) -> dict[str, str]:
    place = f"models/base/{recipe}"
    return {path: value for path, value in tracking.lock_hashes(root, recipe, "finetune").items() if path == place}


def _code(root: Path, recipe: str, block: dict[str, Any]) -> dict[str, str]:
    """Return the hash of each file of code that the stages stand on."""
    declared = importlib.import_module("chainrule.stages.declared")
    found = {dep for stage in STAGES for dep in (declared.inputs(root, stage, recipe, block) or ([], {}))[0]}
    return {dep: sha256(root / dep) for dep in sorted(found) if dep.startswith("src/") and (root / dep).is_file()}
