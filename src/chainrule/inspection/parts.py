"""Which file of cells is which part of the split."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from chainrule.data.formats.folders import PARTS
from chainrule.inspection.cells import Table
from chainrule.system.errors import DataError

TRIAL = "trial"
"""How shared tasks call what others call the validation part."""


def by_part(tables: Mapping[Path, Table], path: Path) -> dict[str, list[Table]]:
    """Return the files by part of the split, "all" for those of no part.

    Raises DataError for several of a part, or of none, that have not the same columns.
    """
    parts: dict[str, list[Table]] = {}
    for file, table in tables.items():
        parts.setdefault((part_of(file.stem) if len(tables) > 1 else None) or "all", []).append(table)
    for part, own in parts.items():
        if any(each.titles is None or each.titles != own[0].titles for each in own[1:]):
            names = ", ".join(each.path.name for each in own[:6])
            called = "none called train or test" if part == "all" else f"all of the part {part}"
            raise DataError(f"{path}: {len(own)} files of different columns, {called} ({names}); name one by --data")
    if not parts:
        return {}
    if "all" in parts and len(parts) > 1 and "train" not in parts:
        parts["train"] = parts.pop("all")
    if "train" not in parts and "all" not in parts:
        first = "validation" if "validation" in parts else "test"
        own = parts.pop(first)
        parts["train" if parts else "all"] = own
    return {part: parts[part] for part in ("train", "all", "validation", "test") if part in parts}


TARGETS = {"y", "label", "labels", "target", "targets"}


def refuse_apart(lone: Sequence[Path], tables: Sequence[Table]) -> None:
    """Raise DataError for targets in a file of one column beside the rows that they are of (X_train, y_train)."""
    for file in lone:
        words = _words(file.stem)
        if TARGETS & {*words} and tables:
            beside = next(
                (each.path for each in tables if part_of(each.path.stem) == part_of(file.stem)), tables[0].path
            )
            raise DataError(
                f"{file}: a column of targets in a file of its own, and the rows that it is of are in {beside.name}; "
                f"put them side by side: `paste -d , {beside.name} {file.name}` makes one table of both"
            )


def _words(stem: str) -> list[str]:
    return re.split(r"[\W_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower())


def part_of(stem: str) -> str | None:
    """Return the part that one word of a file's name says; None where none or two do."""
    words = _words(stem)
    found = {PARTS[word] for word in words if word in PARTS} | ({"validation"} if TRIAL in words else set())
    return found.pop() if len(found) == 1 else None
