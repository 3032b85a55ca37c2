"""The two files that DVC writes in place and a kill may leave half-written, and how a flow keeps them whole.

DVC has no setting for that. `dvc.lock` is replaced in one step by giving `Repo` a file system that writes so; of
`.dvc/tmp/rwlock`, the list of who reads and writes what, DVC's own manual says to remove it when nobody in it lives.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any

from dvc.fs import LocalFileSystem
from dvc.repo import Repo

from chainrule.runs.journal import birth


class WholeFiles(LocalFileSystem):  # type: ignore[misc, unused-ignore]
    """The local files, those that DVC writes as text replaced in one step.

    For `Repo(root, fs=WholeFiles())`: dvc.lock and the list of readers and writers go through it, data does not.
    """

    def open(self, path: Any, mode: str = "r", **options: Any) -> Any:
        """As DVC opens files; one to be written must be used in a `with`, as DVC does."""
        return _replaced(path, mode, **options) if mode in ("w", "w+") else super().open(path, mode, **options)


@contextmanager
def _replaced(path: Any, mode: str, **options: Any) -> Iterator[IO[Any]]:
    fresh = f"{os.fspath(path)}.{os.getpid()}.partial"
    try:
        with open(fresh, mode, **options) as file:
            yield file
        os.replace(fresh, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(fresh)


def forget_the_dead(repo: Repo) -> None:
    """Remove the list of who reads and writes what if it is half-written or nobody in it lives.

    DVC takes a process for alive as long as nobody has asked how it ended. Waits seconds for DVC's lock, under which
    the list is written; raises dvc.lock.LockError if another process keeps it for longer.
    """
    path = Path(repo.root_dir) / ".dvc" / "tmp" / "rwlock"
    if not path.exists():
        return
    with repo.lock:
        if not any(birth(pid) for pid in _listed(path)):
            path.unlink(missing_ok=True)


def _listed(path: Path) -> list[int]:
    """The processes in the list; none if it cannot be read."""
    try:
        listed = json.loads(path.read_text())
        users = [*listed.get("write", {}).values(), *chain.from_iterable(listed.get("read", {}).values())]
        return [int(user["pid"]) for user in users]
    except (FileNotFoundError, ValueError, AttributeError, KeyError, TypeError):
        return []
