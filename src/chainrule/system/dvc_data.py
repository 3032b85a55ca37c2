"""Data by the hash that DVC gave it, by what DVC documents: its files, its commands as `Repo`, `DVCFileSystem`.

DVC has no command that takes a hash. So a file of its own format names the hash, and DVC is asked about that file.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

DATA = "data"


@contextmanager
def named(root: Path, digest: str) -> "Iterator[DVCFileSystem]":
    """A file system that has as `DATA` the file or directory of this hash, from the cache of the project in `root`.

    Of what the cache does not have `exists` is false, or, if it has the directory's list, `open` raises
    FileNotFoundError.
    """
    from dvc.api import DVCFileSystem
    from dvc.repo import Repo

    with tempfile.TemporaryDirectory(prefix="chainrule-data-") as name:
        folder = Path(name)
        (folder / ".dvc").mkdir()
        (folder / f"{DATA}.dvc").write_text(yaml.safe_dump({"outs": [_entry(DATA, digest)]}))
        with Repo(str(root)) as home:
            cache = home.cache.local_cache_dir
        core = {"no_scm": True, "site_cache_dir": str(folder / "site")}
        with Repo(name, config={"core": core, "cache": {"dir": cache}}) as repo:
            yield DVCFileSystem(repo)


def is_at(repo: Any, path: str, digest: str) -> bool:
    """Whether the file or directory at `path` has this hash.

    repo: a `Repo` with a checkout that nobody else uses: a folder is made in it for a moment.
    path: relative to it, or absolute.
    """
    with tempfile.TemporaryDirectory(dir=repo.root_dir, prefix="recorded-") as name:
        folder = Path(name)
        dep = path if Path(path).is_absolute() else f"../{path}"
        stage = {"cmd": "none", "deps": [dep]}
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"recorded": stage}}))
        recorded = {"cmd": "none", "deps": [_entry(dep, digest)]}
        (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"recorded": recorded}}))
        return not repo.status(targets=[str(folder / "dvc.yaml")])


def _entry(path: str, digest: str) -> dict[str, str]:
    return {"path": path, "hash": "md5", "md5": digest}
