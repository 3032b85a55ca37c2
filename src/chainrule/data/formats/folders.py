"""Which folders are classes, which are parts of the split, and what an operating system left beside them."""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
}
NO_TEXT = {
    *ENDINGS,
    *(
        ".heic",
        ".ico",
        ".svg",
        ".psd",
        ".mp3",
        ".wav",
        ".flac",
        ".ogg",
        ".opus",
        ".aif",
        ".aiff",
        ".m4a",
        ".mp4",
        ".avi",
        ".mov",
        ".mkv",
        ".webm",
    ),
    *(".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".pdf", ".doc", ".docx", ".odt", ".ppt"),
    *(".pptx", ".xls", ".xlsx", ".ods", ".parquet", ".npy", ".npz", ".pkl", ".pickle", ".h5", ".hdf5", ".db", ".exe"),
    *(".dll", ".so", ".bin", ".pyc", ".feat"),
}
"""Endings of files that are no text to read: of everything else the content decides."""
PARTS = {
    **dict.fromkeys(("train", "training", "trn", "训练", "训练集"), "train"),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "dev", "devel", "development", "验证", "验证集"), "validation"
    ),
    **dict.fromkeys(("test", "testing", "tests", "tst", "eval", "evaluation", "holdout", "测试", "测试集"), "test"),
}
UNLABELLED = {"unlabelled", "unlabeled", "unsup", "unsupervised", "nolabel", "nolabels", "无标签", "未标注"}
"""How folders of files without a label are called, blanks and marks left out."""
# Words beside the part's in the name of its folder, as in `training_set`, `testImages` and `valdata`.
_FILLERS = (
    "dataset",
    "set",
    "data",
    "images",
    "image",
    "imgs",
    "texts",
    "audio",
    "wav",
    "wavs",
    "split",
    "part",
    "samples",
    "folder",
)
LITTER = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"),
    *("$recycle.bin", "@eadir", "system volume information", "lost+found"),
}
"""What operating systems leave in folders, in lower case."""


class Kind(NamedTuple):
    """What folders are to hold: what one of it is called, and whether a file of a name may be one."""

    called: str
    fits: Callable[[str], bool]


SOUND_ENDINGS = {
    *(
        ".wav",
        ".wave",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".w64",
    ),
}
IMAGES = Kind("image", lambda name: PurePosixPath(name).suffix.lower() in ENDINGS)
SOUNDS = Kind("audio", lambda name: PurePosixPath(name).suffix.lower() in SOUND_ENDINGS)
TEXTS = Kind("text", lambda name: PurePosixPath(name).suffix.lower() not in NO_TEXT)


class Folder(NamedTuple):
    """What lies in a folder: names of folders and of files, sorted, without the hidden ones, and how many these are."""

    folders: list[str]
    files: list[str]
    hidden: int

    def only_folders(self, kind: Kind) -> bool:
        """Whether no file of a kind lies in it, but folders do."""
        return bool(self.folders) and not any(map(kind.fits, self.files))


class Looked(Protocol):
    """What layouts need of a tree of files: its place, and what lies in each of its folders, by the path from there."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""

    def look(self, folder: PurePosixPath) -> Folder:
        """Return what lies in a folder."""


class Class(NamedTuple):
    """The folder of a class (None: its files have no label); `said` is the name of the folder by which it is of a part.

    `place` is its path in the tree.
    """

    label: str | None
    place: PurePosixPath
    part: str | None = None
    said: str = ""


TOP = PurePosixPath()


def part_of(folder: str) -> str | None:
    """Return the part of the split that a folder is named after, in any case and spelling; None if it is not."""
    return _part(_words(folder))


def without_labels(folder: str) -> bool:
    """Whether a folder is called as those are whose files have no label."""
    return re.sub(r"[\W\d_]+", "", folder.lower()) in UNLABELLED


def hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or left by an operating system."""
    return name.startswith(".") or name.lower() in LITTER


def classes(tree: Looked, kind: Kind) -> tuple[list[Class], dict[str, int]]:
    """Return <class> for each folder, whatever its name, and how much lies beside them, as `layout` does."""
    top = tree.look(TOP)
    if not top.folders:
        raise DataError(f"{tree.path}: holds no class folders; expected {tree.path}/<class>/<{kind.called}>")
    return _classes(TOP, top), _beside(top)


def layout(tree: Looked, kind: Kind) -> tuple[list[Class], dict[str, int]]:
    """Return the class folders of a source, and how many hidden entries and loose files lie beside them.

    They are <class>, <part>/<class> where all folders are named like parts, or <class>/<part> where all below the
    classes are. A folder that is called unlabelled, or the like, beside parts or classes has no label, and is of the
    part unlabelled. Raises DataError where folders may be parts or classes, with what to do.
    """
    top = tree.look(TOP)
    free = [name for name in top.folders if without_labels(name)]
    named = [name for name in top.folders if name not in free]
    below = {name: tree.look(TOP / name) for name in named}
    counts = _beside(top)
    parts = parts_of(named)
    without = _classes(TOP, Folder(free, [], 0))
    if named and len(parts) == len(named):
        return _below_parts(tree, kind, parts, below, counts) + without, counts
    likely = [name for name in parts if below[name].only_folders(kind)]
    if likely:
        raise DataError(
            f"{tree.path}: {_listed(likely)} hold folders, as parts of the split do, but "
            f"{_listed(set(named) - set(likely))} beside them is no part; move it out of {tree.path}, or give it the "
            "name of a part"
        )
    if named and all(found.only_folders(kind) for found in below.values()):
        inner = parts_of(sorted({name for found in below.values() for name in found.folders}))
        if all(name in inner for found in below.values() for name in found.folders):
            return _above_parts(tree, kind, inner, below, counts) + without, counts
        _refuse_two_levels(tree, kind, TOP, below)
    return classes(tree, kind)


def _classes(place: PurePosixPath, found: Folder, part: str | None = None, said: str = "") -> list[Class]:
    """Return a class for each folder in `place`; those that are called unlabelled have none."""
    return [
        Class(None, place / name, "unlabelled", f"{said}/{name}" if said else name)
        if without_labels(name)
        else Class(name, place / name, part, said)
        for name in found.folders
    ]


def _beside(top: Folder) -> dict[str, int]:
    return {"hidden_files": top.hidden, "loose_files": len(top.files)}


def _below_parts(
    tree: Looked, kind: Kind, parts: Mapping[str, str], below: Mapping[str, Folder], counts: dict[str, int]
) -> list[Class]:
    """Return the classes of <part>/<class>; some archives hold a part's folder twice, one in the other."""
    classes = []
    for name, part in parts.items():
        place, said, found = TOP / name, name, below[name]
        while True:
            counts["hidden_files"] += found.hidden
            counts["loose_files"] += len(found.files)
            if not (len(found.folders) == 1 and found.folders[0] in (place.name, part)):
                break
            place, said = place / found.folders[0], f"{said}/{found.folders[0]}"
            found = tree.look(place)
        if not found.folders:
            where = tree.path / place
            raise DataError(f"{where}: holds no class folders; expected {where}/<class>/<{kind.called}>")
        inner = {label: tree.look(place / label) for label in found.folders}
        if len(inner) > 1 and all(each.only_folders(kind) for each in inner.values()):
            _refuse_two_levels(tree, kind, place, inner)
        classes += _classes(place, found, part, said)
    return classes


def _above_parts(
    tree: Looked, kind: Kind, parts: Mapping[str, str], below: Mapping[str, Folder], counts: dict[str, int]
) -> list[Class]:
    """Return the classes of <class>/<part>."""
    classes = []
    for label, found in below.items():
        counts["hidden_files"] += found.hidden
        counts["loose_files"] += len(found.files)
        for name in found.folders:
            if tree.look(TOP / label / name).only_folders(kind):
                raise DataError(
                    f"{tree.path}: {label} holds parts of a split that hold folders, so {label} is a data set rather "
                    f"than a class; set source.path to {tree.path / label}"
                )
        classes += [Class(label, TOP / label / name, parts[name], name) for name in found.folders]
    return classes


def _refuse_two_levels(tree: Looked, kind: Kind, place: PurePosixPath, below: Mapping[str, Folder]) -> None:
    """Raise DataError if folders that hold nothing but folders may be parts of a split, or the data set's own."""
    names = [{tidy(name) for name in found.folders} for found in below.values()]
    shared, every = set.intersection(*names), set.union(*names)
    where = tree.path / place
    if len(below) == 1:
        (name,) = below
        raise DataError(
            f"{where}: holds one folder, {name}, with folders in it ({_listed(every)}); if these are the classes or "
            f"parts, set source.path to {where / name}, and if {name} is a class, put its {kind.called}s directly into "
            "it"
        )
    if shared and len(every) > 1:
        raise DataError(
            f"{where}: the folders {_listed(below)} hold nothing but folders, the same in each ({_listed(shared)}): if "
            "they are parts of the split, call them train, validation and test; if they are the classes, put their "
            f"{kind.called}s directly into them"
        )


def _listed(names: Collection[str]) -> str:
    shown = [name.encode("utf-8", "backslashreplace").decode() for name in sorted(names)]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6:,} more" if len(shown) > 6 else "")


# ---- names of parts


def parts_of(folders: Collection[str]) -> dict[str, str]:
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
