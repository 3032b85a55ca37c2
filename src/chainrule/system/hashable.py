"""What DVC cannot hash, and says so in words that name no remedy: looked for before it tries."""

import os
from collections.abc import Iterator
from pathlib import Path

from chainrule.system.errors import DataError


def refuse_unhashable(path: Path) -> None:
    """Raise DataError if a file or link below `path` (or `path` itself) is one that DVC cannot hash."""
    found = [*_unhashable(path)]
    if found:
        place, fault = found[0]
        shown = os.fsencode(place).decode("utf-8", "backslashreplace")
        more = f" ({len(found) - 1:,} more like it below {path})" if len(found) > 1 else ""
        raise DataError(f"{shown}: {fault}{more}")


def _unhashable(path: Path) -> Iterator[tuple[Path, str]]:
    for here, folders, files in os.walk(path):
        for name in sorted([*folders, *files]):
            place = Path(here) / name
            try:
                name.encode("utf-8")
            except UnicodeEncodeError:
                yield place, "its name is not UTF-8, and DVC hashes no such file; rename it"
                continue
            if place.is_symlink() and not os.path.exists(place):
                yield place, f"a link to nowhere ({os.readlink(place)}), and DVC hashes none; remove it"
