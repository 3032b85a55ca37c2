"""Folders of image files, one per class, with or without train and test folders above them."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
PARTS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
# What operating systems leave in folders.
LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


def read(path: Path, *, group_pattern: str | None) -> "pd.DataFrame":
    """Raw rows of path/<class>/* or, where all folders are named like parts, of path/<part>/<class>/*.

    Parts are train, val, valid, validation and test, in any case; without them `part` is None. `label` is
    the name of the class folder, `image` the bytes of the file, `id` its path below `path`; rows are sorted
    by id. A group is what the one group of the regular expression `group_pattern` finds in the file name,
    for example the person; without a pattern it is the path without its ending, so that only a.jpg and a.png
    of one folder belong together.

    Hidden files and folders, and loose files beside the class folders, are left out:
    `frame.attrs["hidden_files"]` and `frame.attrs["loose_files"]` say how many. Any other file is a row:
    `problem` is "not_an_image_file" (its bytes are not read) where the ending is not one of an image, and
    "no_group" where the pattern does not match. Raises DataError for a missing or empty folder.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such directory; source.path must name the folder of the class folders (unpacked)")
    pattern = None if group_pattern is None else _compile(group_pattern)
    folders, hidden, loose = _folders(path)
    parts = {folder: PARTS[folder.lower()] for folder in folders if folder.lower() in PARTS}
    classes: list[tuple[str | None, str, Path]] = []
    if folders and len(parts) == len(folders):
        for folder in folders:
            below, more_hidden, more_loose = _folders(path / folder)
            hidden, loose = hidden + more_hidden, loose + more_loose
            if not below:
                raise DataError(f"{path / folder}: holds no class folders; expected {path / folder}/<class>/<image>")
            classes += [(parts[folder], name, path / folder / name) for name in below]
    else:
        classes = [(None, name, path / name) for name in folders]
    if not classes:
        raise DataError(f"{path}: holds no class folders; expected {path}/<class>/<image>")

    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "group", "image", "label", "part", "origin", "problem")
    }
    for part, label, place in classes:
        files, more_hidden = _files(place)
        hidden += more_hidden
        if not files:
            raise DataError(f"{place}: class folder without files; fill it or remove it")
        for file in files:
            name = file.relative_to(path).as_posix()
            known = file.suffix.lower() in ENDINGS
            match = pattern.search(file.name) if pattern else None
            columns["id"].append(name)
            columns["group"].append(match.group(1) if match else name.removesuffix(file.suffix))
            columns["image"].append(_bytes(file) if known else b"")
            columns["label"].append(label)
            columns["part"].append(part)
            columns["origin"].append(name)
            columns["problem"].append(
                "not_an_image_file" if not known else "no_group" if pattern and not match else None
            )
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == "image" else "str") for name, values in columns.items()}
    ).sort_values("id", ignore_index=True)
    frame.attrs |= {"hidden_files": hidden, "loose_files": loose}
    return frame


def _compile(group_pattern: str) -> re.Pattern[str]:
    pattern = re.compile(group_pattern)
    if pattern.groups != 1:
        raise DataError(f"source.group_pattern {group_pattern!r}: has {pattern.groups} groups; put ( ) around one part")
    return pattern


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _folders(path: Path) -> tuple[list[str], int, int]:
    """Sorted names of the folders in `path`, and the numbers of hidden entries and of loose files."""
    entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    shown = [entry for entry in entries if not _hidden(entry.name)]
    folders = [entry.name for entry in shown if entry.is_dir()]
    return folders, len(entries) - len(shown), len(shown) - len(folders)


def _files(folder: Path) -> tuple[list[Path], int]:
    """All files below `folder`, and the number of hidden entries."""
    files: list[Path] = []
    hidden = 0
    for here, folders, names in os.walk(folder):
        hidden += sum(map(_hidden, folders)) + sum(map(_hidden, names))
        folders[:] = [name for name in folders if not _hidden(name)]
        files += [Path(here) / name for name in names if not _hidden(name)]
    return files, hidden


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error
