"""Which folders are classes, which are parts of the split, and what an operating system left beside them."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
}
PARTS = {
    **dict.fromkeys(("train", "training", "trn", "训练", "训练集"), "train"),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "dev", "devel", "development", "验证", "验证集"), "validation"
    ),
    **dict.fromkeys(("test", "testing", "tests", "tst", "eval", "evaluation", "holdout", "测试", "测试集"), "test"),
}
# Words beside the part's in the name of its folder, as in `training_set`, `testImages` and `valdata`.
_FILLERS = ("dataset", "set", "data", "images", "image", "imgs", "split", "part", "samples", "folder")
LITTER = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"),
    *("$recycle.bin", "@eadir", "system volume information", "lost+found"),
}
"""What operating systems leave in folders, in lower case."""


class Class(NamedTuple):
    """The folder of a class; `said` is the name of the folder by which it is of the part."""

    label: str
    place: Path
    part: str | None = None
    said: str = ""


class Folder(NamedTuple):
    """What lies in a folder: names of folders and of files, sorted, without the hidden ones, and how many these are."""

    folders: list[str]
    files: list[str]
    hidden: int

    @property
    def only_folders(self) -> bool:
        """Whether no image lies in it, but folders do."""
        return bool(self.folders) and not any(Path(name).suffix.lower() in ENDINGS for name in self.files)


def part_of(folder: str) -> str | None:
    """Return the part of the split that a folder is named after, in any case and spelling; None if it is not."""
    return _part(_words(folder))


def hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or left by an operating system."""
    return name.startswith(".") or name.lower() in LITTER


def look(path: Path) -> Folder:
    """Return what lies in a folder; a link to a folder is one."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the folder's permissions") from error
    shown = [entry for entry in entries if not hidden(entry.name)]
    folders = [entry.name for entry in shown if _is_folder(entry)]
    return Folder(folders, [entry.name for entry in shown if entry.name not in folders], len(entries) - len(shown))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def classes(path: Path) -> tuple[list[Class], dict[str, int]]:
    """Return path/<class> for each folder, whatever its name, and how much lies beside them, as `layout` does."""
    top = look(path)
    if not top.folders:
        raise DataError(f"{path}: holds no class folders; expected {path}/<class>/<image>")
    return [Class(name, path / name) for name in top.folders], _beside(top)


def layout(path: Path) -> tuple[list[Class], dict[str, int]]:
    """Return the class folders of a source, and how many hidden entries and loose files lie beside them.

    They are path/<class>, path/<part>/<class> where all folders of `path` are named like parts, or path/<class>/<part>
    where all below the classes are. Raises DataError where folders may be parts or classes, with what to do.
    """
    top = look(path)
    below = {name: look(path / name) for name in top.folders}
    counts = _beside(top)
    parts = _parts(top.folders)
    if top.folders and len(parts) == len(top.folders):
        return _below_parts(path, parts, below, counts), counts
    likely = [name for name in parts if below[name].only_folders]
    if likely:
        raise DataError(
            f"{path}: {_listed(likely)} hold folders, as parts of the split do, but "
            f"{_listed(set(top.folders) - set(likely))} beside them is no part; move it out of {path}, or give it the "
            "name of a part"
        )
    if top.folders and all(found.only_folders for found in below.values()):
        inner = _parts(sorted({name for found in below.values() for name in found.folders}))
        if all(name in inner for found in below.values() for name in found.folders):
            return _above_parts(path, inner, below, counts), counts
        _refuse_two_levels(path, below)
    return classes(path)


def _beside(top: Folder) -> dict[str, int]:
    return {"hidden_files": top.hidden, "loose_files": len(top.files)}


def _below_parts(
    path: Path, parts: Mapping[str, str], below: Mapping[str, Folder], counts: dict[str, int]
) -> list[Class]:
    """Return the classes of path/<part>/<class>; some archives hold a part's folder twice, one in the other."""
    classes = []
    for name, part in parts.items():
        place, said, found = path / name, name, below[name]
        while True:
            counts["hidden_files"] += found.hidden
            counts["loose_files"] += len(found.files)
            if not (len(found.folders) == 1 and found.folders[0] in (place.name, part)):
                break
            place, said = place / found.folders[0], f"{said}/{found.folders[0]}"
            found = look(place)
        if not found.folders:
            raise DataError(f"{place}: holds no class folders; expected {place}/<class>/<image>")
        inner = {label: look(place / label) for label in found.folders}
        if len(inner) > 1 and all(each.only_folders for each in inner.values()):
            _refuse_two_levels(place, inner)
        classes += [Class(label, place / label, part, said) for label in found.folders]
    return classes


def _above_parts(
    path: Path, parts: Mapping[str, str], below: Mapping[str, Folder], counts: dict[str, int]
) -> list[Class]:
    """Return the classes of path/<class>/<part>."""
    classes = []
    for label, found in below.items():
        counts["hidden_files"] += found.hidden
        counts["loose_files"] += len(found.files)
        for name in found.folders:
            if look(path / label / name).only_folders:
                raise DataError(
                    f"{path}: {label} holds parts of a split that hold folders, so {label} is a data set rather than a "
                    f"class; set source.path to {path / label}"
                )
        classes += [Class(label, path / label / name, parts[name], name) for name in found.folders]
    return classes


def _refuse_two_levels(place: Path, below: Mapping[str, Folder]) -> None:
    """Raise DataError if folders that hold nothing but folders may be parts of a split, or the data set's own."""
    names = [{tidy(name) for name in found.folders} for found in below.values()]
    shared, every = set.intersection(*names), set.union(*names)
    if len(below) == 1:
        (name,) = below
        raise DataError(
            f"{place}: holds one folder, {name}, with folders in it ({_listed(every)}); if these are the classes or "
            f"parts, set source.path to {place / name}, and if {name} is a class, put its images directly into it"
        )
    if shared and len(every) > 1:
        raise DataError(
            f"{place}: the folders {_listed(below)} hold nothing but folders, the same in each ({_listed(shared)}): if "
            "they are parts of the split, call them train, validation and test; if they are the classes, put their "
            "images directly into them"
        )


def _listed(names: Collection[str]) -> str:
    shown = [name.encode("utf-8", "backslashreplace").decode() for name in sorted(names)]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6:,} more" if len(shown) > 6 else "")


# ---- names of parts


def _parts(folders: Collection[str]) -> dict[str, str]:
    """Return the part by folder, for those named like one; words that all share are no part of the name."""
    words = {folder: _words(folder) for folder in folders}
    shared = set.intersection(*map(set, words.values())) if len(words) > 1 else set()
    found = {folder: _part([word for word in said if word not in shared]) for folder, said in words.items()}
    return {folder: part for folder, part in found.items() if part is not None}


def _words(folder: str) -> list[str]:
    """Return the words of a name in lower case: `TestImages_2` is test, images."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tidy(folder))
    words = [word for word in re.split(r"[\W\d_]+", apart.lower()) if word]
    return re.sub(r"\bhold out\b", "holdout", " ".join(words)).split()


def _part(words: list[str]) -> str | None:
    telling = [word for word in words if word not in _FILLERS]
    if len(telling) != 1:
        return None
    (word,) = telling
    ends = (word.removesuffix(filler) for filler in _FILLERS)
    return next((PARTS[form] for form in (word, *ends) if form in PARTS), None)
