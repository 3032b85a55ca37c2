"""What DVC would run again, and why, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.recipes.file import PARAMS
from chainrule.runs.tracking import CHAIN
from chainrule.system import locks
from chainrule.system.errors import ChainruleError

NEVER = "never run"
ABSENT = ("deleted", "not in cache")


@dataclass(frozen=True)
class Stage:
    """One stage of a recipe as DVC sees it now."""

    name: str
    reasons: tuple[str, ...]
    """Why it is stale, a phrase each; empty if it is not."""
    follows: bool
    """Not stale itself, but a stage before it is: it runs if what that one writes comes out otherwise."""
    missing: bool
    """Stale only because outputs are not on this machine: `dvc pull` may bring them."""
    runs: bool
    """A process works on it at this moment."""


def look(root: Path) -> dict[str, list[Stage]]:
    """The stages of every recipe of the project in `root`, in the order of the chain.

    Raises ChainruleError if there is no DVC project, dvc.yaml or dvc.lock cannot be read, or another process keeps
    DVC's lock for seconds.
    """
    import networkx  # type: ignore[import-untyped, unused-ignore]
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        # With the lock, for DVC does not write dvc.lock in one step.
        with Repo(str(root)) as repo, repo.lock:
            graph = repo.index.graph
            # Data that DVC tracks without a stage has no name; if it changed, the stage that reads it says so.
            stages = [stage for stage in repo.index.stages if "@" in named(stage)]
            made = {out.fs_path for stage in stages for out in stage.outs}
            found = {named(stage): _why(root, stage, made) for stage in stages}
            stale = [stage for stage in stages if found[named(stage)]]
            behind = {named(after) for stage in stale for after in networkx.ancestors(graph, stage)}
    except LockError:
        raise ChainruleError("another process has kept DVC's lock for seconds; try again when it is done") from None
    except DvcException as error:
        raise ChainruleError(f"{root}: DVC: {' '.join(str(error).split())}") from None
    recipes: dict[str, list[Stage]] = {}
    for address in sorted(found, key=_place):  # stable: recipes stay in the order of params.yaml
        name, _, recipe = address.partition("@")
        reasons = [reason for reason, _ in found[address]]
        missing = bool(reasons) and all(absent for _, absent in found[address])
        held = locks.is_held(root / ".chainrule" / "locks" / f"{address}.lock")
        stage = Stage(name, tuple(reasons), address in behind and not reasons, missing, held)
        recipes.setdefault(recipe, []).append(stage)
    return recipes


def named(stage: Any) -> str:
    """The name of a DVC stage, `finetune@digits`, wherever this process stands; empty for data without a stage."""
    return getattr(stage, "name", "")


def _place(address: str) -> int:
    name = address.partition("@")[0]
    return CHAIN.index(name) if name in CHAIN else len(CHAIN)


def _why(root: Path, stage: Any, made: set[str]) -> list[tuple[str, bool]]:
    """(Reason, whether it is only that an output is not here) of a dvc.stage.PipelineStage; empty if it is fresh.

    made: the paths of all outputs of stages.
    """
    from dvc.dependency.param import ParamsDependency

    if not any(dep.hash_info for dep in stage.deps):
        return [(NEVER, False)]
    found: list[tuple[str, bool]] = []
    if stage.cmd_changed:
        found.append(("its command in dvc.yaml changed", False))
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            found += [(reason, False) for reason in _params(dep)]
            continue
        for state in dep.status().values():
            # A missing output, or a file of one, is told where it is made.
            if state not in ABSENT or made.isdisjoint((dep.fs_path, *map(str, Path(dep.fs_path).parents))):
                found.append((f"{dep.def_path} {_DEPS.get(state, state)}", False))
    for out in stage.outs:
        for state in out.status().values():
            found.append((f"{out.def_path} {_OUTS.get(state, state)}", state in ABSENT))
    return found


_DEPS = {"modified": "changed", "new": "is a new input", "deleted": "is missing"}
_OUTS = {
    "modified": "is not as the stage wrote it",
    "new": "is a new output",
    "deleted": "is not here",
    "not in cache": "is not here",
}


def _params(dep: Any) -> Iterator[str]:
    """Each parameter of a dvc.dependency.ParamsDependency that differs from dvc.lock, with both values."""
    recorded, present = dep.hash_info.value or {}, dep.read_params()
    if not recorded:
        yield f"{dep.def_path} is a new input"
        return
    # Parameters of another file than params.yaml are defaults.
    where = "" if dep.def_path == PARAMS else f"{dep.def_path}: "
    changed = [name for name in dep.params if recorded.get(name) != present.get(name)]
    before = _flat({name: recorded[name] for name in changed if name in recorded})
    now = _flat({name: present[name] for name in changed if name in present})
    for key in [*now, *(key for key in before if key not in now)]:
        if key not in before:
            yield f"{where}{key} is new ({_short(now[key])})"
        elif key not in now:
            yield f"{where}{key} is gone (it was {_short(before[key])})"
        elif now[key] != before[key]:
            yield f"{where}{key} changed ({_short(before[key])} → {_short(now[key])})"


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict) or not values:
        return {prefix: list(values) if isinstance(values, tuple) else values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:29]}…"
