"""What the columns of tables say, whatever their format: rows of fields from rows of cells."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from json.encoder import encode_basestring
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.formats import folders
from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import Column, Place, Table, column, places, short
from chainrule.data.formats.targets import NO_TARGET, Target, Writing, target
from chainrule.data.formats.typed import Found, as_json, texts, written
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

MAX_CELL = 1_000_000
NAMED = {"audio": folders.SOUNDS, "image": folders.IMAGES}
"""Kinds of fields of which a cell names a file."""
WHOLE = ("interaction", "table")
"""Kinds of fields that are a whole row."""
CHUNK = 1 << 16
"""Rows that are held as Python's own values at a time."""

Columns = Mapping[str, Column | Sequence[Column]]
Cells = Sequence[Any]


def read(
    path: Path,
    fields: Sequence[Field],
    open_tables: Callable[[Sequence[Path]], Sequence[Table]],
    *,
    columns: Columns | None,
    files: Mapping[str, str] | None,
    part: Column | None,
    writing: Writing,
    named: str,
    group: Column | None,
    time: Column | None,
    max_cell: int,
    section: str,
) -> "pd.DataFrame":
    """Raw rows of the tables in the directory `path`, in the order of `files` and of their rows.

    `fields` are the task's, `columns` the column of each (None, or one that is left out: of the field's own name);
    `open_tables` opens files of a format. The other arguments, what becomes of broken rows, and errors are those of the
    source `delimited`.
    """
    found = places(Path(path), files, section)
    opened = open_tables([place.path for place in found])
    ways = Ways(columns, part, group, time, writing, named, max_cell)
    return of_tables(Path(path), fields, list(zip(found, opened, strict=True)), ways)


class Ways(NamedTuple):
    """Which columns of tables are what, and how they are read; as the arguments of `read`."""

    columns: Columns | None
    part: Column | None
    group: Column | None
    time: Column | None
    writing: Writing
    named: str
    """The file that a cell names: {} stands for the cell."""
    max_cell: int


def of_tables(path: Path, fields: Sequence[Field], opened: Sequence[tuple[Place, Table]], ways: Ways) -> "pd.DataFrame":
    """Raw rows of tables that are open, each with its place; `path` is the source's."""
    import pandas as pd

    images: Counter[str] = Counter()
    inputs = [field.name for field in fields if field.role == "input"]
    (of_target,) = (field for field in fields if field.role == "target")
    names = ("id", "group", *inputs, of_target.name, "part", "origin", "problem", "time")
    frames: list[pd.DataFrame] = []
    for place, table in opened:
        plan = _plan(table, fields, place.part, ways, partial(_image, path, images, ways.named))
        made = _rows(table, plan, place)
        while chunk := list(_first(made, CHUNK)):
            own = list(zip(names, zip(*chunk, strict=True), strict=True))
            if of_target.name in inputs:  # one column is given and told
                own = [each for place, each in enumerate(own) if place != 2 + len(inputs)]
            frames.append(
                pd.DataFrame({key: pd.Series(all_of, dtype=object if key in inputs else "str") for key, all_of in own})
            )
        plan.target.end()
    frame = pd.concat(frames, ignore_index=True)
    frame = frame if ways.time is not None else frame.drop(columns="time")
    used = Counter(table.encoding for _, table in opened if table.encoding)
    noted = sum((table.noted for _, table in opened), Counter[str]())
    frame.attrs = {key: dict(counts) for key, counts in (("encodings", used), ("noted", noted)) if counts}
    if named := [field.kind for field in fields if field.kind in NAMED]:
        frame.attrs["images"] = dict(images)
        if path.is_dir() and all(table.section == "source" for _, table in opened):
            frame.attrs["unnamed_images"] = sum(file not in images for file in _files(path, NAMED[named[0]]))
    return frame


def _first(rows: Iterator[Any], most: int) -> Iterator[Any]:
    for _, row in zip(range(most), rows, strict=False):
        yield row


# ---- what is made of a row


class _Input(NamedTuple):
    """What makes an input of a row's cells, and the places of those that it takes."""

    give: Callable[[Cells], Found]
    places: list[int]


class _Plan(NamedTuple):
    """What is made of the rows of a table, and of which columns."""

    inputs: list[_Input]
    target: Target
    labelled: bool
    """Whether rows of this file have a target."""
    part: int | None
    group: int | None
    time: int | None
    max_cell: int
    shared: int | None
    """The input, an image beside others, whose rows belong together where no column says it."""


def _plan(
    table: Table, fields: Sequence[Field], own_part: str, ways: Ways, read_image: Callable[[Path, Any], Found]
) -> _Plan:
    """Return what is made of the rows of a table; DataError for a column that is not there."""
    columns = ways.columns
    beside = {"part": ways.part, "group": ways.group, "time": ways.time}
    part_at, group_at, time_at = (None if own is None else column(table, key, own) for key, own in beside.items())
    (field,) = (field for field in fields if field.role == "target")
    of_labels: Any = _of(columns, field.name)
    labelled = own_part != "unlabelled"
    made = NO_TARGET
    if field.name in [each.name for each in fields if each.role == "input"]:
        labelled = False  # what is told is what is given
    elif labelled or (isinstance(of_labels, str) and tidy(of_labels) in (table.titles or ())):
        made = target(table, field.kind, f"columns.{field.name}", of_labels, ways.writing)
    taken = {*made.places, group_at, part_at}
    inputs = []
    for each in (each for each in fields if each.role == "input"):
        if each.kind in WHOLE:
            inputs.append(_whole_row(table, _of_row(table, each.kind, field.kind, made, taken, part_at)))
            continue
        asked = _of(columns, each.name)
        if isinstance(asked, list | tuple):
            inputs.append(_joined([column(table, f"columns.{each.name}", one) for one in asked]))
            continue
        place = column(table, f"columns.{each.name}", asked)
        give = partial(read_image, table.path.parent) if each.kind in NAMED else texts(_text)
        inputs.append(_Input(partial(_at, give, place), [place]))
    kinds = [each.kind for each in fields if each.role == "input"]
    several = group_at is None and len(set(kinds)) > 1
    shared = next((place for place, kind in enumerate(kinds) if kind in NAMED), None) if several else None
    return _Plan(inputs, made, labelled, part_at, group_at, time_at, ways.max_cell, shared)


def _of_row(
    table: Table, kind: str, told: str, made: Target, taken: Collection[int | None], part: int | None
) -> list[int]:
    """Return the columns of a whole row: all but what is taken; of an interaction the group is its user.

    A click may be its item, and so is a column of the row: the last one, by which it is known (`fields/click.py`).
    """
    every = range(table.width)
    if kind == "table":
        return [place for place in every if place not in taken]
    own = [place for place in every if place != part and place not in made.places]
    return [*own, *made.places] if told == "click" else own


def _of(columns: Columns | None, field: str) -> Any:
    """Return the column of a field: the one that is named, else that of its own name."""
    return (columns or {}).get(field, field)


def _at(give: Callable[[Any], Found], place: int, cells: Cells) -> Found:
    return give(cells[place])


def _rows(table: Table, plan: _Plan, place: Place) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table: id, group, inputs, target, part, origin, problem, time."""
    before, name, of_file = place.before, place.name, None if place.part == "all" else place.part
    empty = [""] * table.width
    used = [at for each in plan.inputs for at in each.places]
    asked = {*used, *plan.target.places, plan.group, plan.part, plan.time} - {None}
    encoding = table.encoding if table.damaged else None
    for line, cells, whole, fault, size in table.rows(sorted(at for at in asked if at is not None)):
        row = member = f"{before}/{line:06d}"
        part, value, problem, moment = of_file, None, fault or None, None
        if problem is None and cells:
            problem = _amiss(table, cells, used[0] if used else 0)
        if problem is not None:
            made: list[Any] = [encodings.as_found(whole)] * len(plan.inputs)
        elif not cells:
            made = [each.give(empty)[0] for each in plan.inputs]
        else:
            if plan.part is not None:
                part, problem = _part(cells[plan.part])
            if plan.labelled and part != "unlabelled":
                value, fault_of_target = plan.target.give(cells)
                problem = problem or fault_of_target
            given = [each.give(cells) for each in plan.inputs]
            made = [one for one, _ in given]
            problem = next((unread for _, unread in given if unread), problem)
            if encoding is not None:
                damage = (encodings.problem(cells[at], encoding) for at in used)
                problem = next(filter(None, damage), problem)
            if size > plan.max_cell:
                problem = _too_long(cells, plan.max_cell, table.section) or problem
            if plan.group is not None:
                said, nested = _told(cells[plan.group])
                member, problem = said or row, problem or nested
            elif plan.shared is not None and made[plan.shared]:
                member = f"image {blake2b(made[plan.shared], digest_size=8).hexdigest()}"
            if plan.time is not None:
                said, nested = _told(cells[plan.time])
                moment, problem = said or None, problem or nested
        yield row, member, *made, value, part, f"{name}:{line}", problem, moment


def _amiss(table: Table, cells: Cells, first: int) -> str | None:
    """Return why a row is none as the others, or None; `first` is the column of the first input."""
    if len(cells) != table.width:
        return "wrong_column_count"
    titles = table.titles
    if titles and isinstance(cells[first], str) and cells[first].strip() == titles[first]:
        return "repeated_header" if [tidy(str(cell)) for cell in cells] == titles else None
    return None


def _too_long(cells: Cells, most: int, section: str) -> str | None:
    longest = max(len(cell) if isinstance(cell, str | bytes) else 0 for cell in cells)
    return f"cell_too_long: {longest:,} characters, {section}.max_cell is {most:,}" if longest > most else None


@texts
def _told(cell: str) -> Found:
    """Return what a cell says, or ""."""
    return encodings.as_found(cell).decode("utf-8", "backslashreplace"), None


@texts
def _part(cell: str) -> Found:
    """Return (part of the split, problem) of a cell that names one."""
    said = tidy(cell)
    part = "unlabelled" if said.casefold() in ("unlabelled", "unlabeled", "unsupervised") else folders.part_of(said)
    named = "train, validation, test and unlabelled are parts"
    return part, None if part is not None else f"unknown_part: {short(said)!r}; {named}"


# ---- inputs


def _text(cell: str) -> Found:
    return encodings.as_found(cell), None


def _joined(places: list[int]) -> _Input:
    """Return what makes one text of several cells: those that hold something, each on a line of its own."""
    read = texts(_text)

    def give(cells: Cells) -> Found:
        found = [read(cells[place]) for place in places]
        problem = next((unread for _, unread in found if unread), None)
        return b"\n".join(text for text, _ in found if text and text.strip()), problem

    return _Input(give, places)


def _whole_row(table: Table, places: list[int]) -> _Input:
    """Return what makes a row of a table: JSON of its cells by column; DataError for two columns of one name."""
    names = [table.titles[place] if table.titles else str(place) for place in places]
    names = [name or f"column {place}" for name, place in zip(names, places, strict=True)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{table.path}: two columns are called {short(twice)!r}; rename one in the file, for a row of a table has "
            "its cells by name"
        )
    form = f"{{{','.join(f'{encode_basestring(name)}:'.replace('%', '%%') + '%s' for name in names)}}}"
    pick: Callable[[Cells], Iterable[Any]] = (
        itemgetter(*places) if len(places) > 1 else lambda cells: [cells[places[0]]]
    )
    quote = as_json if table.typed else encode_basestring

    def give(cells: Cells) -> Found:
        return (form % tuple(map(quote, pick(cells)))).encode("utf-8", "backslashreplace"), None

    return _Input(give, places)


def _image(path: Path, images: Counter[str], named: str, folder: Path, cell: Any) -> Found:
    """Return the bytes of an image or a sound that a cell holds or names from its table's folder; `images` counts them.

    What Hugging Face calls an image holds both: bytes, or else a path.
    """
    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytes | None):
        return cell, None
    try:
        said = written(cell).strip()
    except ValueError as error:
        return None, str(error)
    if not said:
        return None, None
    said = named.replace("{}", said)
    name = PurePosixPath(said.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        return None, f"outside_folder: {said!r}; name files from the folder of their table"
    if not path.is_dir():
        raise DataError(f"{path}: a file; the source's path must name the folder that holds the table and its files")
    file = folder / name
    if not file.is_file():
        return None, f"missing_file: {said!r}"
    images[file.relative_to(path).as_posix()] += 1
    try:
        return file.read_bytes(), None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error


def _files(path: Path, kind: folders.Kind) -> Iterator[str]:
    """Yield the images, or sounds, below a folder that are not hidden, as paths from there."""
    for here, below, names in os.walk(path):
        below[:] = [name for name in below if not folders.hidden(name)]
        shown = (Path(here) / name for name in names if not folders.hidden(name))
        yield from (file.relative_to(path).as_posix() for file in shown if kind.fits(file.name))
