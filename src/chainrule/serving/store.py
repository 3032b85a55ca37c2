"""What is to be served, as the disk says it: champions that were promoted, else the bundles that export wrote.

models/served/<name>/champion.json        which version; replaced in one step
models/served/<name>/<version>/bundle/    that version
models/onnx/<name>/                       served as version 0 while nothing of this name was promoted
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.exporting.bundle import SIGNATURE, SUMS
from chainrule.exporting.signature import version_2
from chainrule.system.errors import DataError
from chainrule.system.files import read_json

SERVED, EXPORTED = Path("models/served"), Path("models/onnx")
CHAMPION = "champion.json"
UNPROMOTED = "0"
PARTIAL = ".partial"
"""What a directory that is being downloaded ends with, beside a leading dot."""
STALE_SECONDS = 24 * 3600.0  # after which nobody downloads any more what is unfinished
SPARE_BYTES = 64 * 1024 * 1024  # that are left free on the disk
MOST_VERSIONS = 20  # that are told about
MOST_SIGNATURE = 1024 * 1024  # bytes
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VERSION = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Place:
    """The file that decides what a name serves, and a stamp that changes whenever it is replaced."""

    path: Path
    stamp: tuple[int, int, int]


@dataclass(frozen=True)
class Wanted:
    """The version that a name is to serve."""

    name: str
    version: str
    folder: Path
    digest: str | None
    """What the sha256 of its SHA256SUMS must be; None if that is not known."""


def places(root: Path) -> dict[str, Place]:
    """Return by name where it is written what to serve. Only looks, reads nothing: cheap enough for every second."""
    found: dict[str, Place] = {}
    for above, file in ((root / EXPORTED, SUMS), (root / SERVED, CHAMPION)):  # a champion replaces an export
        for name in names(above):
            path = above / name / file
            try:
                seen = path.stat()
            except OSError:
                continue
            found[name] = Place(path, (seen.st_mtime_ns, seen.st_ino, seen.st_size))
    return found


def names(folder: Path) -> list[str]:
    """Return the names of models that have a directory here."""
    try:
        return sorted(path.name for path in folder.iterdir() if is_name(path.name))
    except OSError:
        return []


def is_name(text: str) -> bool:
    """Whether this can be a model's name: one part of a path, and no hidden one."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether this can be a version: the registry counts them."""
    return _VERSION.fullmatch(text) is not None


def wanted(name: str, place: Place) -> Wanted:
    """Return what a name is to serve. Raises DataError if the file that decides cannot be read or names no version."""
    if place.path.name != CHAMPION:
        try:
            sums = place.path.read_bytes()
        except OSError as error:
            raise DataError(f"{place.path}: not readable ({error.strerror}); export the bundle again") from None
        return Wanted(name, UNPROMOTED, place.path.parent, hashlib.sha256(sums).hexdigest())
    champion = read_json(place.path)
    version = champion.get("version") if isinstance(champion, dict) else None
    digest = champion.get("digest") if isinstance(champion, dict) else None
    if not isinstance(version, str) or not is_version(version) or not isinstance(digest, str):
        raise DataError(f"{place.path}: names no version and digest; run `chainrule promote {name}`")
    return Wanted(name, version, place.path.parent / version / "bundle", digest)


def find(root: Path, name: str) -> Wanted | None:
    """Return what `name` is to serve now; None if nothing here has that name. Raises DataError as `wanted`."""
    place = places(root).get(name)
    return None if place is None else wanted(name, place)


def versions(wanted: Wanted) -> list[dict[str, Any]]:
    """Return number, scores and variants of every version that is kept beside the wanted one, the newest first."""
    shelf = wanted.folder.parent.parent
    folders = {wanted.version: wanted.folder}
    promoted = wanted.folder == shelf / wanted.version / "bundle" and (shelf / CHAMPION).is_file()
    if promoted:
        folders |= {path.name: path / "bundle" for path in shelf.iterdir() if is_version(path.name)}
    found = []
    for version in sorted(folders, key=lambda number: (len(number), number), reverse=True)[:MOST_VERSIONS]:
        told = _told(folders[version])
        if told is not None:
            found.append({"version": version, "champion": promoted and version == wanted.version, **told})
    return found


def _told(folder: Path) -> dict[str, Any] | None:
    """Return what a bundle says of itself, unchecked: it is shown, not run."""
    try:
        if (folder / SIGNATURE).stat().st_size > MOST_SIGNATURE:
            return None
        content = read_json(folder / SIGNATURE)
    except (DataError, OSError, RecursionError):
        return None
    return {key: version_2(content).get(key) for key in ("scores", "variants")} if isinstance(content, dict) else None


# ---- writing


@contextmanager
def alone(root: Path, name: str) -> Iterator[None]:
    """Hold what a writer of the shelf of `name` needs: promotions and servers on one root take turns."""
    if sys.platform == "win32":  # it has no such locks; there, one server at a time fetches from a registry
        yield
        return
    from chainrule.system import locks

    with locks.held(root / ".chainrule" / "locks" / f"publish@{name}.lock"):
        yield


def publish(root: Path, name: str, fresh: Path, champion: dict[str, Any]) -> None:
    """Make a version champion: put it on the shelf and, last and in one step, say so. To be called within `alone`.

    fresh: a directory on the same disk with `bundle/` and version.json; if it is gone, an interrupted call has moved it
    already. champion: content of champion.json. Besides it, the version served until now and the one in its `from` stay
    on the shelf. Raises OSError, and leaves what is served as it was.
    """
    shelf = root / SERVED / name
    version = champion["version"]
    final, old = shelf / version, shelf / f".{version}.old"
    before = served(shelf)
    partial = write_beside(shelf / CHAMPION, champion)  # what takes room on the disk comes before anything moves
    for path in shelf.iterdir():
        if is_version(path.name) and path.name not in (version, before, champion["from"]):
            shutil.rmtree(path, ignore_errors=True)
    if fresh.exists():
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        try:
            fresh.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)
            raise
    partial.replace(shelf / CHAMPION)
    shutil.rmtree(old, ignore_errors=True)


def served(shelf: Path) -> str | None:
    """Return the version that is champion on a shelf; None if that cannot be told."""
    try:
        return wanted(shelf.name, Place(shelf / CHAMPION, (0, 0, 0))).version
    except (DataError, OSError):
        return None


def replace_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step that survives a power cut."""
    write_beside(path, content).replace(path)


def write_beside(path: Path, content: dict[str, Any]) -> Path:
    """Write what is to replace a JSON file, safe on the disk, and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return fresh


def check_room(folder: Path, needed: int) -> None:
    """Raise DataError if the disk that `folder` is on has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise DataError(f"{folder}: {needed:,} bytes are to come and {free:,} are free; make room on this disk")


def clear_stale(shelf: Path) -> None:
    """Remove downloads that were killed long ago."""
    for path in shelf.glob(f".*{PARTIAL}"):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
