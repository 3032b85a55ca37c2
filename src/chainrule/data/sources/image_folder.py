"""Folders of image files, one per class, with or without folders of train and test above or below them."""

import os
import re
import stat
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import image as folders
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "label")


def read(path: Path, *, group_pattern: str | None, section: str = "source") -> "pd.DataFrame":
    """Raw rows of path/<class>/*; of path/<part>/<class>/* or path/<class>/<part>/* where folders are named like parts.

    Parts are train, validation and test by their usual names (`folders.part_of`); without them `part` is None.
    attrs["parts"] says what was taken for which. `label` is the name of the class folder, `image` the bytes of the
    file, `id` its path below `path`; rows are sorted by id. Files in folders below a class are of that class. A group
    is what the one group of the regular expression `group_pattern` finds in the file name, for example the person;
    without a pattern it is the path without its ending, so that only a.jpg and a.png of one folder belong together.

    Hidden files and folders, and loose files beside the class folders, are left out: attrs["hidden_files"] and
    attrs["loose_files"] say how many; attrs["nested_files"] says how many rows come from folders below a class. Any
    other file is a row; `problem` is "undecodable_name" where its path is not UTF-8 (the id shows the bytes),
    "broken_link", "not_a_file" (a link to a folder, a pipe), "not_an_image_file" where the ending is not one of an
    image (none of these is read), and "no_group" where the pattern does not match.

    section: the block of params.yaml that messages name; in a batch ("incoming") the folders are the classes, there
    are no parts. Raises DataError for a missing or empty folder, and where folders may be parts or classes.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        what = "a file, not a folder" if path.is_file() else "no such directory"
        raise DataError(f"{path}: {what}; {section}.path must name the folder of the class folders (unpacked)")
    pattern = None if group_pattern is None else _compile(group_pattern, section)
    classes, left_out = folders.layout(path) if section == "source" else folders.classes(path)
    parts: Counter[str] = Counter()
    nested = 0
    columns: dict[str, list[object]] = {
        name: [] for name in ("id", "group", "image", "label", "part", "origin", "problem")
    }
    for label, place, part, said in classes:
        files, hidden = _files(place)
        left_out["hidden_files"] += hidden
        if not files:
            raise DataError(f"{place}: class folder without files; fill it or remove it")
        nested += sum(file.parent != place for file in files)
        if part is not None:
            parts[f"{said} as {part}"] += len(files)
        for file in files:
            name = _printable(file.relative_to(path).as_posix())
            problem = _problem(file)
            match = pattern.search(file.name) if pattern else None
            columns["id"].append(name)
            columns["group"].append(_printable(match.group(1) if match else name.removesuffix(file.suffix)))
            columns["image"].append(b"" if problem else _bytes(file))
            columns["label"].append(label if label == _printable(label) else None)
            columns["part"].append(part)
            columns["origin"].append(name)
            columns["problem"].append(problem or ("no_group" if pattern and not match else None))
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object if name == "image" else "str") for name, values in columns.items()}
    ).sort_values("id", ignore_index=True)
    frame.attrs |= left_out
    frame.attrs |= {"nested_files": nested} if nested else {}
    frame.attrs |= {"parts": dict(parts)} if parts else {}
    return frame


def _compile(group_pattern: str, section: str) -> re.Pattern[str]:
    pattern = re.compile(group_pattern)
    if pattern.groups != 1:
        raise DataError(
            f"{section}.group_pattern {group_pattern!r}: has {pattern.groups} groups; put ( ) around one part"
        )
    return pattern


def _files(folder: Path) -> tuple[list[Path], int]:
    """Return everything below `folder` but the folders themselves (a link to one is no folder), and what is hidden."""
    files: list[Path] = []
    hidden = 0

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check the folder's permissions")

    for here, below, names in os.walk(folder, onerror=refuse):
        names += [name for name in below if (Path(here) / name).is_symlink()]
        hidden += sum(map(folders.hidden, {*below, *names}))
        below[:] = [name for name in below if not folders.hidden(name)]
        files += [Path(here) / name for name in names if not folders.hidden(name)]
    return files, hidden


def _problem(file: Path) -> str | None:
    """Return why a file is not even read."""
    if str(file) != _printable(str(file)):
        return "undecodable_name: not UTF-8, rename it"
    try:
        mode = file.stat().st_mode
    except OSError as error:  # ENOENT, or ELOOP for a link to itself
        if not file.is_symlink():
            raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error
        return f"broken_link: to {_printable(os.readlink(file))}"
    if not stat.S_ISREG(mode):
        return "not_a_file"
    return None if file.suffix.lower() in folders.ENDINGS else "not_an_image_file"


def _printable(name: str) -> str:
    """Return a file's name with bytes that are not UTF-8 written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error
