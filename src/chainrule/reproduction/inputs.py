"""The data that a rebuilding starts from: from the commit, DVC's cache or remote, or the project's folder.

Outputs of stages are built again; what DVC cannot build is put where the chain expects it and compared with the hash
that the run carries: sources, and outputs that a stage keeps rather than makes (`persist` in dvc.yaml).
"""

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chainrule.reproduction.origin import Origin
from chainrule.reproduction.staleness import named
from chainrule.system import dvc_data
from chainrule.system.errors import ChainruleError, DataError


@dataclass(frozen=True)
class Input:
    """Something that the chain reads and does not make."""

    path: str
    """As dvc.lock writes it."""
    wanted: str | None
    """The hash that the run carries."""
    stage: str | None
    """The name of the stage that keeps it; None for a source."""


def place(root: Path, project: Path, origin: Origin) -> list[str]:
    """Put all inputs of the recipe's chain into `project`, a fresh checkout; return a line about each.

    root: the project that has the cache. Raises DataError if one is not to be had as it was; ChainruleError if DVC
    cannot read the project of that commit.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as home:
            config = _as_at_home(home)
            with Repo(str(project), config=config) as repo:
                found = _inputs(repo, origin)
                _record(project, found)
            with Repo(str(project), config=config) as repo:
                said = [_put(root, repo, one, origin) for one in found]
    except DvcException as error:
        raise ChainruleError(f"DVC cannot read commit {origin.commit[:12]}: {_line(error)}") from None
    return said


def _as_at_home(home: Any) -> dict[str, Any]:
    """Settings by which a fresh checkout fetches from the project's own cache and remotes."""
    core = {"remote": home.config["core"]["remote"]} if "remote" in home.config["core"] else {}
    remotes = {name: dict(remote) for name, remote in home.config["remote"].items()}
    return {"cache": {"dir": home.cache.local_cache_dir}, "core": core, "remote": remotes}


def _inputs(repo: Any, origin: Origin) -> list[Input]:
    """What the chain up to the export reads without making it, sources first."""
    import networkx  # type: ignore[import-untyped, unused-ignore]
    from dvc.dependency.param import ParamsDependency

    last = next((stage for stage in repo.index.stages if named(stage) == f"export@{origin.recipe}"), None)
    if last is None:
        raise ChainruleError(f"commit {origin.commit[:12]}: its dvc.yaml has no stage export@{origin.recipe}")
    stages = [stage for stage in (last, *networkx.descendants(repo.index.graph, last)) if stage.cmd]
    made = [Path(out.fs_path) for stage in stages for out in stage.outs]
    found: dict[str, Input] = {}
    for stage in stages:
        for dep in stage.deps:
            path = Path(dep.fs_path)
            inside = any(out == path or out in path.parents for out in made)
            if not isinstance(dep, ParamsDependency) and not inside and not dep.def_path.startswith("src/"):
                found[dep.def_path] = Input(dep.def_path, origin.logged(dep.def_path), None)
        for out in stage.outs:
            if out.persist:
                found[out.def_path] = Input(out.def_path, origin.logged(out.def_path), named(stage))
    return sorted(found.values(), key=lambda one: (one.stage is not None, one.path))


def _record(project: Path, found: list[Input]) -> None:
    """Leave a dvc.lock that says of the kept outputs what the run says, and nothing of what is to be built."""
    stages: dict[str, Any] = {}
    for one in found:
        if one.stage is not None and one.wanted is not None:
            entry = stages.setdefault(one.stage, {"cmd": "as recorded by the run", "outs": []})
            entry["outs"].append({"path": one.path, "hash": "md5", "md5": one.wanted})
    (project / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _put(root: Path, repo: Any, one: Input, origin: Origin) -> str:
    """Put one input into place and return a line that says from where."""
    there = Path(repo.root_dir) / one.path
    short = (one.wanted or "")[:12]
    if one.wanted is None:
        if one.stage is not None:
            return f"{one.path}: the run does not carry it; begins empty"
        if there.exists():
            return f"{one.path}: as in the commit; the run carries no hash to compare it with"
        raise DataError(f"{one.path}: not in commit {origin.commit[:12]}, and the run carries no hash to find it by")
    if dvc_data.is_at(repo, one.path, one.wanted):
        where = "outside of the project, as it was" if Path(one.path).is_absolute() else "as in the commit"
        return f"{one.path}: {where} ({short})"
    failure = _pull(repo, one)
    if dvc_data.is_at(repo, one.path, one.wanted):
        return f"{one.path}: from DVC's cache or remote ({short})"
    here = root / one.path
    if here != there and here.exists():
        _copy(here, there)
        if dvc_data.is_at(repo, one.path, one.wanted):
            return f"{one.path}: from this folder, the commit does not have it so ({short})"
    raise DataError(
        f"{one.path}: the model was made from {one.wanted}, which is not in commit {origin.commit[:12]}, DVC's cache, "
        f"its remote or this folder{f' ({failure})' if failure else ''}; put it back, or `dvc push` where it was made"
    )


def _pull(repo: Any, one: Input) -> str | None:
    """Let DVC bring what it knows of a path; what went wrong, if anything did."""
    from dvc.exceptions import DvcException

    there = Path(repo.root_dir) / one.path
    if not any(Path(out.fs_path) in (there, *there.parents) for out in repo.index.outs):
        return None
    logging.disable(logging.CRITICAL)  # what DVC warns of is in the error as well
    try:
        repo.pull(targets=[str(there)], force=True)
    except DvcException as error:
        return _line(error)
    finally:
        logging.disable(logging.NOTSET)
    return None


def _copy(here: Path, there: Path) -> None:
    if there.is_dir():
        shutil.rmtree(there)
    there.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if here.is_dir() else shutil.copyfile)(here, there)


def _line(error: BaseException) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # DVC paints its addresses
    return " ".join(plain.split())[:300] or type(error).__name__
