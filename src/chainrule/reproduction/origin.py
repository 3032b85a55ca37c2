"""Where a registered version came from: its run, the commit, the parameters and the hashes of its data."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.release import registry
from chainrule.release.registry import Version
from chainrule.runs.recorder import DEFAULTS, flatten, key_for
from chainrule.runs.tracking import CHAIN, stranger_remedy
from chainrule.system import dvc_lock
from chainrule.system.errors import ChainruleError

MOST_COMMITS = 200
"""So many commits that changed dvc.lock are looked at, the newest first."""
_CUT = re.compile(r"… \(\d+ characters, sha256 [0-9a-f]{64}; whole in params\.json\)$")

Block = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """What the registry and the run say about a version."""

    recipe: str
    version: Version
    commit: str
    dirty: bool
    """Whether code or params.yaml differed from the commit."""
    params: dict[str, str]
    """Every value in force, flattened as `recorder.flatten` writes it."""
    metrics: dict[str, float]
    tags: dict[str, str]

    @property
    def given(self) -> dict[str, str]:
        """The parameters that params.yaml gave; the others were defaults of the code."""
        defaults = self.tags.get(DEFAULTS, "").split()
        return {key: value for key, value in self.params.items() if key not in defaults}

    @property
    def name(self) -> str:
        """The version in words."""
        return f"{self.recipe} version {self.version.number}"

    def logged(self, path: str) -> str | None:
        """The hash that dvc.lock gave a path when the model was made; None if the run does not carry it."""
        return self.tags.get(key_for(f"dvc.{path}"))


def find(client: Any, spec: str, folder: Path) -> Origin:
    """Return the origin of NAME@VERSION or NAME@ALIAS.

    client: an MlflowClient; folder: for a file that may have to be fetched. Raises ChainruleError if there is no such
    version, or it was not made by `export` in a git repository; MlflowException as the client does.
    """
    recipe, found, wanted = spec.partition("@")
    if not found or not recipe or not wanted:
        raise ChainruleError(f"{spec!r}: write NAME@VERSION or NAME@ALIAS, such as digits@3 or digits@champion")
    versions = registry.versions(client, recipe) if recipe in (known := registry.recipes(client)) else []
    if not versions:
        raise ChainruleError(f"{recipe}: no such model in the registry; it has: {', '.join(known) or 'none'}")
    number = registry.aliases(client, recipe).get(wanted, int(wanted) if wanted.isdecimal() else None)
    version = next((version for version in versions if version.number == number), None)
    if version is None:
        names = [*map(str, (version.number for version in versions)), *registry.aliases(client, recipe)]
        raise ChainruleError(f"{recipe}: no version or alias {wanted!r}; there are {', '.join(names)}")
    commit = version.tags.get("git_commit")
    if commit is None:
        raise ChainruleError(
            f"{recipe} version {version.number}: says no commit (made outside of git, or by another tool); "
            "it cannot be rebuilt"
        )
    run = client.get_run(version.run_id).data
    params = dict(run.params)
    if any(_CUT.search(value) for value in params.values()):
        params = json.loads(Path(client.download_artifacts(version.run_id, "params.json", str(folder))).read_text())
    dirty = version.tags.get("git_dirty") != "false"
    return Origin(recipe, version, commit, dirty, params, dict(run.metrics), dict(run.tags))


def is_here(root: Path, commit: str) -> bool:
    """Whether the repository of `root` has the commit."""
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def recorded_in(root: Path, origin: Origin, bundle: Path) -> str | None:
    """The newest commit whose dvc.lock records exactly this model, and whose code is what dvc.lock says was run.

    For a version trained before its changes were committed, as one does: edit, `dvc repro`, look at it, commit.
    bundle: the registered files. None if there is no such commit.
    """
    wanted = directory_hash(bundle)
    listed = _git(root, "log", "--all", f"--max-count={MOST_COMMITS}", "--format=%H", "--", "dvc.lock")
    for commit in listed.stdout.decode().split():
        stages = dvc_lock.parse(_show(root, commit, "dvc.lock") or b"")
        outs = {item.get("md5") for item in stages.get(f"export@{origin.recipe}", {}).get("outs", [])}
        if wanted in outs and _same_data(origin, stages) and _same_code(root, commit, origin.recipe, stages):
            return commit
    return None


def _same_data(origin: Origin, stages: Block) -> bool:
    return all(origin.logged(path) in (None, value) for path, value in _items(stages, origin.recipe))


def _same_code(root: Path, commit: str, recipe: str, stages: Block) -> bool:
    def md5(path: str) -> str:
        return hashlib.md5(_show(root, commit, path) or b"", usedforsecurity=False).hexdigest()

    code = {path: value for path, value in _items(stages, recipe) if path.startswith("src/")}
    return all(md5(path) == value for path, value in code.items())


def _items(stages: Block, recipe: str) -> Iterator[tuple[str, str]]:
    """(Path, hash) of all that the recipe's stages read and wrote, from the content of dvc.lock."""
    for stage in CHAIN:
        entry = stages.get(f"{stage}@{recipe}", {})
        for item in [*entry.get("deps", []), *entry.get("outs", [])]:
            if value := item.get("md5") or item.get(item.get("hash", "")):
                yield item["path"], str(value)


def directory_hash(folder: Path) -> str:
    """The hash that DVC gives a directory of plain files."""
    files = [
        {"md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), "relpath": path.name}
        for path in sorted(folder.iterdir())
    ]
    return hashlib.md5(json.dumps(files, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


# ---- parameters


def params_differences(block: Block, logged: Mapping[str, str]) -> list[str]:
    """How a recipe's block differs from the parameters that were logged, a phrase for each."""
    here, logged = _given(block), _told(logged)
    keys = [*logged, *(key for key in here if key not in logged)]
    return [
        f"{key} was {logged.get(key, 'not there')}, is {here.get(key, 'not there')} in the commit"
        for key in keys
        if logged.get(key) != here.get(key)
    ]


def with_params(block: Block, logged: Mapping[str, str]) -> Block:
    """Return the block with the parameters that were logged; ChainruleError if they do not say enough."""
    here, logged = _given(block), _told(logged)
    made: Block = json.loads(json.dumps(block, default=str))
    for key in here.keys() - logged.keys():
        _at(made, key).pop(key.split(".")[-1], None)
    for key, text in logged.items():
        if here.get(key) != text:
            inside, last = _at(made, key), key.split(".")[-1]
            inside[last] = text if isinstance(inside.get(last), str) else _value(text)
    if left := params_differences(made, logged):
        raise ChainruleError(f"params.yaml cannot be put together from the run's parameters: {left[0]}")
    return made


def _given(block: Block) -> dict[str, str]:
    """The block, flattened; what is searched no run says."""
    return _told(flatten({name: values for name, values in block.items() if name != "search"}))


def _told(flat: Mapping[str, str]) -> dict[str, str]:
    """What is not empty of flattened parameters: a section in which nothing is given is none."""
    return {key: value for key, value in flat.items() if value != "{}"}


def _at(block: Block, key: str) -> Block:
    """The mapping that holds a dotted key; made if need be."""
    for word in key.split(".")[:-1]:
        inside = block.get(word)
        block = block.setdefault(word, {}) if isinstance(inside, dict) or inside is None else {}
    return block


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# ---- git


def _show(root: Path, commit: str, path: str) -> bytes | None:
    found = _git(root, "show", f"{commit}:./{path}")
    return found.stdout if found.returncode == 0 else None


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        answer = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise ChainruleError("git is not installed; a model is rebuilt from a git commit") from None
    if refused := stranger_remedy(answer.stderr.decode(errors="replace")):
        raise ChainruleError(f"{root}: {refused}")
    return answer
