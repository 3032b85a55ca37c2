"""Lock files that the kernel frees when their holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def take(path: Path, *, create: bool = True, wait: bool = False) -> int | None:
    """Take the file's lock and return its descriptor, to be closed to let go; None if another has it.

    With `wait` it comes back when the lock is ours. Without `create` a file that is not there is a
    FileNotFoundError: whoever held it has cleaned up.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether a process holds the file's lock; nobody holds one that is not there."""
    try:
        descriptor = take(path, create=False)
    except FileNotFoundError:
        return False
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


@contextmanager
def held(path: Path, waiting: str | None = None) -> Iterator[None]:
    """Hold the file's lock for the block, its folder made if need be; print `waiting` once if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = take(path, wait=waiting is None)
    if descriptor is None:
        print(waiting, flush=True)
        descriptor = take(path, wait=True)
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)
