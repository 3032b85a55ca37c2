"""Official lists of parts: text files whose lines name files, as Speech Commands, Food-101 and Pascal VOC have them."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from chainrule.data.formats import text as encodings
from chainrule.data.formats.trees import File, Tree
from chainrule.system.errors import DataError


def by_list(
    tree: Tree, lists: Mapping[str, str], names: Collection[PurePosixPath], section: str
) -> tuple[dict[PurePosixPath, str], int]:
    """Return the part of each file that a list names, and how many lines name no file of the tree, or several.

    `lists` maps a part to the path of its list in the tree. A line names a file by its path, or the end of it, with or
    without its ending; what stands behind blanks or a comma is of no account. Raises DataError for a list that is not
    there or names none of the files, and for a file in two lists.
    """
    known = _forms(names)
    found: dict[PurePosixPath, str] = {}
    unknown = 0
    for part, list_name in lists.items():
        lines = [line for line in encodings.lines(_text(tree, list_name, part, section)) if line.strip()]
        own = [file for line in lines if (file := _named(line, known)) is not None]
        if not own:
            raise DataError(
                f"{tree.path / list_name}: names none of the files, its first line is {lines[0].strip()[:60]!r} and a "
                f"file is {next(iter(names)).as_posix()!r}; correct {section}.parts.{part}"
            )
        unknown += len(lines) - len(own)
        for file in own:
            if found.setdefault(file, part) != part:
                raise DataError(
                    f"{tree.path / list_name}: names {file.as_posix()}, which the list of {found[file]} names as well; "
                    "a file is of one part"
                )
    return found, unknown


def _text(tree: Tree, name: str, part: str, section: str) -> str:
    place = tree.path / name
    if tree.path.is_dir() and place.is_file():
        data: bytes | str = place.read_bytes()
    else:
        try:
            ((_, data),) = tree.contents([File(PurePosixPath(name), name)])
        except (KeyError, DataError):
            raise DataError(f"{place}: missing; put the list there or correct {section}.parts.{part}") from None
    if isinstance(data, str):
        raise DataError(f"{place}: cannot be read ({data})")
    return encodings.decoded({str(place): data}, None, f"{section}.encoding")[str(place)].text


def _forms(names: Collection[PurePosixPath]) -> dict[str, PurePosixPath | None]:
    """Return files by all that may name them; None where several do."""
    known: dict[str, PurePosixPath | None] = {}
    for name in names:
        for at in range(len(name.parts)):
            end = PurePosixPath(*name.parts[at:])
            for form in {end.as_posix(), end.with_suffix("").as_posix()}:
                known[form] = name if known.get(form, name) == name else None
    return known


def _named(line: str, known: Mapping[str, PurePosixPath | None]) -> PurePosixPath | None:
    whole = line.strip().replace("\\", "/")
    for text in (whole, whole.rpartition(" ")[0], whole.split()[0], whole.partition(",")[0]):
        parts = PurePosixPath(text.strip().strip('"')).parts
        for at in range(max(1, len(parts) - 1)):  # a folder that is said must be the file's
            file = known.get("/".join(parts[at:]))
            if file is not None:
                return file
    return None
