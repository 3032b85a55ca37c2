"""What a path is: each form of examples looks at it in turn, and the first that knows it says what is there."""

from pathlib import Path

from chainrule.data.formats import archives
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import Directory
from chainrule.inspection import (
    arrays,
    boxes,
    classes,
    lines,
    masks,
    pairs,
    prose,
    questions,
    sounds,
    tables,
    visual,
    words,
)
from chainrule.inspection.cells import KINDS
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.labels import LISTS
from chainrule.system.errors import DataError

FORMS = (
    *(arrays.look, boxes.look, masks.look, visual.look, sounds.look, prose.look, classes.look, words.look),
    *(pairs.look, lines.look, questions.look, tables.look, lines.look_for_labels),
)
NOTES = ("readme", "license", "licence", "changelog", "citation", "authors", "notice", "about", "info", "description")
NO_DATA = {".md", ".rst", ".pdf", ".py", ".ipynb", ".html", ".yaml", ".yml", ".dvc", ".sh", ".bib", ".toml"}

LISTED = {".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"}
"""Endings of tables, whatever they are called."""
TO_BE_SAVED = {
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), "save the sheet as .xlsx or CSV"),
    **dict.fromkeys((".sav", ".dta", ".sas7bdat", ".rds", ".rdata"), "save the table as CSV"),
    **dict.fromkeys((".pkl", ".pickle", ".feather", ".arrow", ".h5", ".hdf5"), "save the table as Parquet"),
    **dict.fromkeys((".doc", ".docx", ".odt", ".rtf"), "save it as plain text, .txt"),
    **dict.fromkeys((".7z", ".rar"), "unpack it first"),
}
"""What to do with files that no source reads, by their ending."""


def detect(path: Path, options: Options) -> Examples:
    """Return the examples under a path. Raises DataError where there are none that a recipe can be made for."""
    path = path.expanduser().absolute()
    if not path.exists():
        raise DataError(f"{path}: no such file or directory; --data names the examples")
    place = placed(path)
    for form in FORMS:
        found = form(place, options)
        if found is not None:
            return found
    if packed := [file.name for file in place.files if file.suffix == ".gz" or archives.stem(file.name)]:
        raise DataError(
            f"{path}: {packed[0]} holds no class folders of images, sounds or texts; a table in it is to be unpacked"
        )
    if unreadable := [file for file in place.files if file.suffix.lower() in TO_BE_SAVED]:
        raise DataError(f"{unreadable[0]}: {TO_BE_SAVED[unreadable[0].suffix.lower()]}")
    there = [*(f"{folder.name}/" for folder in place.folders), *(file.name for file in place.files)]
    known = "no examples that are known" if options.task is None else f"no examples that --task {options.task} takes"
    raise DataError(
        f"{path}: {known}: {', '.join(there[:6]) or 'nothing there'}; class folders of images, "
        "sounds or texts or archives of them, a table (CSV, TSV), a text file per class, or IDX files are, docs/new.md"
    )


def placed(path: Path) -> Place:
    """Return a path with what lies in it; one folder that holds all is gone into."""
    if path.is_file():
        return Place(path, (path,), ())
    while True:
        there = Directory(path).look(TOP)
        files = [path / name for name in there.files]
        if [file for file in files if not _beside(file)] or len(there.folders) != 1:
            break
        below = Directory(path / there.folders[0]).look(TOP)
        if not below.folders and not any(Path(name).suffix.lower() in KINDS for name in below.files):
            break  # a class alone, of which more is to be said
        path = path / there.folders[0]
    beside = tuple(file for file in files if _beside(file))
    if not any(file.suffix.lower() in KINDS for file in files if file not in beside):
        beside = tuple(file for file in beside if file.suffix.lower() not in LISTED)  # labels.csv is what there is
    kept = tuple(file for file in files if file not in beside)
    return Place(path, kept, tuple(path / name for name in there.folders), beside)


def _beside(file: Path) -> bool:
    stem = file.stem.lower()
    return stem.startswith(NOTES) or file.suffix.lower() in NO_DATA or stem in LISTS
