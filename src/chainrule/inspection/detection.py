"""What a path is: each form of examples looks at it in turn, and the first that knows it says what is there."""

from pathlib import Path

from chainrule.data.formats import archives
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import Directory
from chainrule.inspection import arrays, classes, lines, masks, pairs, prose, questions, sounds, tables, words
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.labels import LISTS
from chainrule.system.errors import DataError

FORMS = (
    *(arrays.look, masks.look, sounds.look, prose.look, classes.look, words.look),
    *(pairs.look, lines.look, questions.look, tables.look, lines.look_for_labels),
)
NOTES = ("readme", "license", "licence", "changelog", "citation", "authors", "notice", "about", "info", "description")
NO_DATA = {".md", ".rst", ".pdf", ".py", ".ipynb", ".html", ".yaml", ".yml", ".dvc", ".sh", ".bib", ".toml"}


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
    there = [*(f"{folder.name}/" for folder in place.folders), *(file.name for file in place.files)]
    raise DataError(
        f"{path}: no examples that are known: {', '.join(there[:6]) or 'nothing there'}; class folders of images, "
        "sounds or texts or archives of them, a table (CSV, TSV), a text file per class, or IDX files are, docs/new.md"
    )


def placed(path: Path) -> Place:
    """Return a path with what lies in it; one folder that holds all is gone into."""
    if path.is_file():
        return Place(path, (path,), ())
    while True:
        there = Directory(path).look(TOP)
        files = [path / name for name in there.files]
        if files or len(there.folders) != 1 or not Directory(path / there.folders[0]).look(TOP).folders:
            break
        path = path / there.folders[0]
    beside = tuple(file for file in files if _beside(file))
    kept = tuple(file for file in files if file not in beside)
    return Place(path, kept, tuple(path / name for name in there.folders), beside)


def _beside(file: Path) -> bool:
    stem = file.stem.lower()
    return stem.startswith(NOTES) or file.suffix.lower() in NO_DATA or stem in LISTS
