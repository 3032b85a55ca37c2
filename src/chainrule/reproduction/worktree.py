"""A clean checkout of a commit in a temporary folder, which goes when the work ends, however it ends.

<temporary>/chainrule-reproduce-…/owner.lock   held while its process lives; gone if the user keeps the folder
                                  tree/        the worktree
                                  cache/       what is built there, apart from the project's own cache
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.system import locks
from chainrule.system.errors import ChainruleError

PREFIX = "chainrule-reproduce-"
OWNER = "owner.lock"


@contextmanager
def scratch(root: Path, keep: bool) -> Iterator[Path]:
    """A temporary folder for the block, which also ends on SIGTERM and SIGHUP as on Ctrl-C; `keep` leaves the folder.

    Folders that a killed process left are removed first.
    """
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    # Under its name only once it is held: a lock that is free means that the folder is nobody's.
    lock = locks.take(folder / f"{OWNER}.new")
    assert lock is not None
    (folder / f"{OWNER}.new").rename(folder / OWNER)
    ends = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in ends]
    try:
        yield folder
    finally:
        for number, handler in zip(ends, before, strict=True):
            signal.signal(number, handler)
        if keep:
            (folder / OWNER).unlink()
        else:
            _remove(folder)
        os.close(lock)
        _git(root, "worktree", "prune")


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder / OWNER
        if owner.exists() and owner.stat().st_uid == os.getuid() and not locks.is_held(owner):
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, the lock last: what cannot be removed now is swept the next time."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    if not any(path.is_dir() for path in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def check_out(root: Path, commit: str, folder: Path) -> Path:
    """Check the commit out into `folder`/tree; return where in it the project of `root` is.

    Raises ChainruleError if git refuses, or the project was not there at that commit.
    """
    below = _git(root, "rev-parse", "--show-prefix").stdout.strip()
    made = _git(root, "worktree", "add", "--detach", "--quiet", str(folder / "tree"), commit)
    if made.returncode != 0:
        raise ChainruleError(f"git worktree add {commit[:12]}: {' '.join(made.stderr.split())}")
    project = folder / "tree" / below
    if not (project / "dvc.yaml").is_file():
        raise ChainruleError(f"commit {commit[:12]} has no dvc.yaml in {below or 'its top folder'}")
    return project


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
