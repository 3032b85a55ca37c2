"""Rows of class folders: one file each, in folders that are classes, with or without parts of the split."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import folders
from chainrule.data.formats.folders import Class, Kind
from chainrule.data.formats.naming import block_of
from chainrule.data.formats.part_lists import by_list
from chainrule.data.formats.trees import File, Tree, plant, printable
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read(
    path: Path,
    kind: Kind,
    *,
    group_pattern: str | None,
    parts: Mapping[str, str] | None,
    section: str,
    label_pattern: str | None = None,
    block: int | None = None,
) -> "pd.DataFrame":
    """Raw rows of the class folders in `path`, which is a folder, an archive, or a folder of archives.

    The column called like the kind holds the bytes of the files; the others are those of the source `image_folder`,
    which says what is read how. label_pattern: a regular expression whose one group finds the label in a file's name;
    there are no class folders then, every file below `path` is a row, and `problem` is "no_label" where it does not
    match. block: without a `group_pattern`, so many files with following numbers in their names are a group, whatever
    their folders (`naming.block_of`).
    """
    import pandas as pd

    tree = plant(path, section, "the folder of the class folders, or an archive of it (.zip, .tar, .tar.gz, …)")
    pattern = None if group_pattern is None else _compile(group_pattern, f"{section}.group_pattern")
    if label_pattern is None:
        by_folder = section == "source" and parts is None
        classes, said = (folders.layout if by_folder else folders.classes)(tree, kind)
        files, counts = _files(tree, classes)
    else:
        said = {"hidden_files": 0, "loose_files": 0}
        files, counts = _named_files(tree, _compile(label_pattern, f"{section}.label_pattern"), kind)
    said["hidden_files"] += counts.pop("hidden")
    if parts is not None:
        files = _in_lists(tree, parts, files, said, section)
    content = dict(tree.contents([file for _, file in files if _readable(file, kind)]))
    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "group", kind.called, "label", "part", "origin", "problem")
    }
    for own, file in files:
        name = printable(file.name.as_posix())
        found = content.pop(file, f"not_{_a(kind.called)}_file")
        problem = file.problem or (found if isinstance(found, str) else None)
        if problem is None and label_pattern is not None and own.label is None:
            problem = "no_label"
        match = pattern.search(file.name.name) if pattern else None
        columns["id"].append(name)
        if match:
            columns["group"].append(printable(match.group(1)))
        elif block is not None:
            columns["group"].append(block_of(printable(file.name.stem), block))
        else:
            columns["group"].append(name.removesuffix(file.name.suffix))
        columns[kind.called].append(b"" if isinstance(found, str) else found)
        columns["label"].append(own.label if own.label is not None and own.label == printable(own.label) else None)
        columns["part"].append(own.part)
        columns["origin"].append(file.origin)
        columns["problem"].append(problem or ("no_group" if pattern and not match else None))
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == kind.called else "str") for name, values in columns.items()}
    ).sort_values("id", ignore_index=True)
    frame.attrs |= said
    frame.attrs |= {name: count for name, count in counts.items() if count}
    taken = Counter(f"{own.said} as {own.part}" for own, _ in files if own.part is not None)
    frame.attrs |= {"parts": dict(taken)} if taken else {}
    return frame


def _files(tree: Tree, classes: list[Class]) -> tuple[list[tuple[Class, File]], dict[str, int]]:
    """Return every file with its class, and how many are hidden, or in folders below a class."""
    found: list[tuple[Class, File]] = []
    hidden = nested = 0
    for own in classes:
        files, not_shown = tree.below(own.place)
        hidden += not_shown
        if not files:
            raise DataError(f"{tree.path / own.place}: class folder without files; fill it or remove it")
        nested += sum(file.name.parent != own.place for file in files) if own.label is not None else 0
        found += [(own, file) for file in files]
    return found, {"hidden": hidden, "nested_files": nested}


def _named_files(tree: Tree, pattern: re.Pattern[str], kind: Kind) -> tuple[list[tuple[Class, File]], dict[str, int]]:
    """Return every file with the class that its name says (None: it says none), and how many are hidden."""
    files, hidden = tree.below(folders.TOP)
    if not files:
        raise DataError(f"{tree.path}: holds no files; expected {tree.path}/<{kind.called}>, named by their classes")
    found = []
    for file in files:
        match = pattern.search(file.name.name)
        found.append((Class(match.group(1) or None if match else None, file.name.parent), file))
    return found, {"hidden": hidden, "nested_files": 0}


def _in_lists(
    tree: Tree, lists: Mapping[str, str], files: list[tuple[Class, File]], said: dict[str, int], section: str
) -> list[tuple[Class, File]]:
    """Return the files with the parts that official lists give them; count lines that name no file."""
    found, said["unmatched_lines"] = by_list(tree, lists, [file.name for _, file in files], section)
    said["loose_files"] -= sum("/" not in name for name in lists.values())
    return [
        (own._replace(part=found[file.name], said=lists[found[file.name]]) if file.name in found else own, file)
        for own, file in files
    ]


def _readable(file: File, kind: Kind) -> bool:
    return file.problem is None and kind.fits(file.name.name)


def _a(word: str) -> str:
    return f"an_{word}" if word[0] in "aeiou" else f"a_{word}"


def _compile(expression: str, key: str) -> re.Pattern[str]:
    pattern = re.compile(expression)
    if pattern.groups != 1:
        raise DataError(f"{key} {expression!r}: has {pattern.groups} groups; put ( ) around one part")
    return pattern
