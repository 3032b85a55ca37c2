"""What is to be served, as the disk says it: champions that were promoted, else the bundles that export wrote.

models/served/<name>/champion.json        which version; replaced in one step
models/served/<name>/<version>/bundle/    that version
models/onnx/<name>/                       served as version 0 while nothing of this name was promoted
"""

import re
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import DataError
from chainrule.files import read_json
from chainrule.serving.bundle import SUMS

SERVED, EXPORTED = Path("models/served"), Path("models/onnx")
CHAMPION = "champion.json"
UNPROMOTED = "0"
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
    """What the sha256 of its SHA256SUMS must be, if the promotion wrote it down."""


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
    """Return what a name is to serve. Raises DataError if the champion's file is not one."""
    if place.path.name != CHAMPION:
        return Wanted(name, UNPROMOTED, place.path.parent, None)
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
