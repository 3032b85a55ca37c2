"""Images and sounds that cells name: by a path, or by a name alone whose folder and ending are the same for all."""

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from chainrule.data.formats.folders import IMAGES, SOUNDS, TOP, Kind
from chainrule.data.formats.trees import Directory
from chainrule.inspection.profile import FEW, Profile

LOOKED_AT = 20
"""So many cells are looked at."""


class Named(NamedTuple):
    """Of which kind the files are that cells name, and the name of each: {} stands for the cell."""

    kind: Kind
    pattern: str


def named(given: Profile, folder: Path) -> Named | None:
    """Return the files that the cells of a column name from the folder of their table; None where they name none."""
    some = [value.replace("\\", "/") for value in list(given.values)[:LOOKED_AT]]
    kind = next((kind for kind in (IMAGES, SOUNDS) if some and all(map(kind.fits, some))), None)
    if kind is not None and sum((folder / value).is_file() for value in some) * 2 >= len(some):
        return Named(kind, "{}")
    if not some or given.distinct < FEW * given.cells:
        return None
    known = _files(folder)
    met = Counter(pattern for value in some for pattern in known.get(value, ()))
    if not met:
        return None
    (pattern, times), *_ = met.most_common(1)
    found = IMAGES if IMAGES.fits(pattern) or (kind is IMAGES) else SOUNDS
    return Named(found, pattern) if times * 2 >= len(some) else None


@lru_cache(maxsize=4)
def _files(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the patterns by which cells may name the files below a folder: by names with endings or without."""
    found: dict[str, tuple[str, ...]] = {}
    for file in Directory(folder).below(TOP)[0]:
        if not (IMAGES.fits(file.name.name) or SOUNDS.fits(file.name.name)):
            continue
        place = "" if file.name.parent == TOP else f"{file.name.parent.as_posix()}/"
        for cell, ending in ((file.name.name, ""), (file.name.stem, file.name.suffix)):
            found[cell] = (*found.get(cell, ()), f"{place}{{}}{ending}")
    return found
