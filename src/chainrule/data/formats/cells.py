"""What the columns of a CSV or TSV file say: a row of fields from the cells of a line."""

import difflib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.data.formats.lines import Content, content, paths, refuse_wrong_header, short
from chainrule.fields.names import plain_number, tidy
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

MAX_CELL = 1_000_000

Column = str | int
Columns = Mapping[str, Column | Sequence[Column]]
Found = tuple[Any, str | None]
"""What was made of cells, and the problem of the row if there is one."""
ReadInput = Callable[[Path, str], Found]
"""From the folder of a file and a cell of an input."""


class Writing(NamedTuple):
    """How targets are written: labels by the value in the file, what parts the labels of one cell, the decimal mark."""

    labels: Mapping[str, str] | None
    separator: str
    decimal: str


def read(
    path: Path,
    fields: Sequence[Field],
    read_input: ReadInput,
    *,
    columns: Columns | None,
    files: Mapping[str, str] | None,
    delimiter: str,
    quoting: bool,
    header: bool,
    writing: Writing,
    group: Column | None,
    time: Column | None,
    encoding: str | None,
    max_cell: int,
    section: str,
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of their lines.

    `fields` are the task's, `columns` the column of each (None, or one that is left out: of the field's own name);
    `read_input` makes an input of a cell. The other arguments, what becomes of broken rows, and errors are those of
    the source `delimited`.
    """
    import pandas as pd

    found = paths(Path(path), files, section)
    contents = {str(file): encodings.content(file, section) for file in found.values()}
    decoded = encodings.decoded(contents, encoding, f"{section}.encoding")
    inputs = [field for field in fields if field.role == "input"]
    records: list[tuple[Any, ...]] = []
    for part, place in found.items():
        text, used = decoded[str(place)]
        held = content(place, text, section, delimiter, quoting, header)
        damaged = encodings.problem(text, used) is not None
        givers = [_input(held, field, fields, columns, group, partial(read_input, place.parent)) for field in inputs]
        target = _target(held, fields, columns, writing, used) if part != "unlabelled" else None
        group_at = None if group is None else _column(held, "group", group)
        time_at = None if time is None else _column(held, "time", time)
        name = place.name if files is None else files[part]
        for line, cells, whole, fault in held.rows:
            row = member = f"{part}/{line:06d}"
            value: str | None = None
            moment: str | None = None
            problem = _fault(held, whole, cells, fault, givers[0].places[0])
            if problem is not None:
                made: list[Any] = [encodings.as_found(whole)] * len(inputs)
            elif not whole or cells is None:
                made = [giver.give([""] * held.width)[0] for giver in givers]
            else:
                value, problem = target(cells) if target is not None else (None, None)
                read = [giver.give(cells) for giver in givers]
                made = [one for one, _ in read]
                faults = [unread for _, unread in read]
                if damaged:
                    read_of = [column for giver in givers for column in giver.places]
                    faults = [encodings.problem(cells[column], used) for column in read_of] + faults
                problem = _too_long(cells, max_cell, section) or next(filter(None, faults), problem)
                if group_at is not None and cells[group_at]:
                    member = encodings.as_found(cells[group_at]).decode("utf-8", "backslashreplace")
                if time_at is not None and cells[time_at]:
                    moment = encodings.as_found(cells[time_at]).decode("utf-8", "backslashreplace")
            own = None if part == "all" else part
            records.append((row, member, *made, value, own, f"{name}:{line}", problem, moment))
    names_of_inputs = [field.name for field in inputs]
    target_name = next(field.name for field in fields if field.role == "target")
    names = ("id", "group", *names_of_inputs, target_name, "part", "origin", "problem", "time")
    columns_of = zip(names, zip(*records, strict=True), strict=True)
    frame = pd.DataFrame(
        {name: pd.Series(own, dtype=object if name in names_of_inputs else "str") for name, own in columns_of}
    )
    frame = frame if time is not None else frame.drop(columns="time")
    frame.attrs = {"encodings": dict(Counter(used for _, used in decoded.values()))}
    return frame


def _fault(held: Content, whole: str, cells: list[str] | None, fault: str, first: int) -> str | None:
    """Return why a line is no row as the others, or None; `first` is the column of the first input."""
    if not whole:
        return None
    if cells is None:
        return fault
    if len(cells) != held.width:
        return "wrong_column_count"
    titles = held.titles
    again = titles and cells[first].strip() == titles[first] and list(map(tidy, cells)) == titles
    return "repeated_header" if again else None


# ---- columns


def _of(columns: Columns | None, field: str) -> Any:
    """Return the column of a field: the one that is named, else that of its own name."""
    return (columns or {}).get(field, field)


def _column(held: Content, option: str, column: Column) -> int:
    """Return the place of a column given by name or number; DataError that names the nearest one there is."""
    file, _, titles, width = held
    key = f"{file.section}.{option}"
    if isinstance(column, str):
        name, names = tidy(column), titles or []
        if name not in names:
            close = difflib.get_close_matches(name.lower(), [title.lower() for title in names], n=1)
            meant = next((title for title in names if title.lower() in close), None)
            there = (
                f"its header names {short(', '.join(names))}" if names else "without a header give its number, from 0"
            )
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise DataError(f"{file.path}: has no column {column!r} for {key}; {there}{hint}")
        if names.count(name) > 1:
            places = ", ".join(str(at) for at, title in enumerate(names) if title == name)
            raise DataError(
                f"{file.path}: its header names {column!r}, which {key} asks for, {names.count(name)} times (columns "
                f"{places}, counted from 0); rename one in the file, or give the number"
            )
        return names.index(name)
    if column >= width:
        raise DataError(
            f"{file.path}: has {width} columns, {key} asks for number {column}, counted from 0; "
            f"check {file.section}.delimiter and the number"
        )
    return column


# ---- inputs


class _Giver(NamedTuple):
    """What makes an input of a row's cells, and the places of those that it takes."""

    give: Callable[[list[str]], Found]
    places: list[int]


def _input(
    held: Content,
    field: Field,
    fields: Sequence[Field],
    columns: Columns | None,
    group: Column | None,
    read_input: Callable[[str], Found],
) -> _Giver:
    """Return what makes an input: of one cell, or, of a row of a table, of all that are no target's and no group's."""
    if field.kind != "table":
        place = _column(held, f"columns.{field.name}", _of(columns, field.name))
        return _Giver(lambda cells: read_input(cells[place]), [place])
    taken = {_column(held, "group", group)} if group is not None else set()
    for other in fields:
        if other.role == "target":
            of_target = _of(columns, other.name)
            listed = [of_target] if isinstance(of_target, str | int) else of_target
            if held.titles is None or not isinstance(of_target, str) or tidy(of_target) in held.titles:
                taken |= {_column(held, f"columns.{other.name}", each) for each in listed}
    places = [place for place in range(held.width) if place not in taken]
    names = [held.titles[place] if held.titles else "" for place in places]
    names = [name or f"column {place}" for name, place in zip(names, places, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{held.file.path}: two columns are called {short(twice)!r}; rename one in the file, for a row of a table "
            "has its cells by name"
        )
    return _Giver(lambda cells: (_object(names, [cells[place] for place in places]), None), places)


def _object(names: Sequence[str], cells: Sequence[str]) -> bytes:
    """Return a row of a table: a JSON object of its cells as they are written, by column, in UTF-8."""
    row = dict(zip(names, cells, strict=True))
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


# ---- targets


def _target(
    held: Content, fields: Sequence[Field], columns: Columns | None, writing: Writing, encoding: str
) -> Callable[[list[str]], Found]:
    """Return what makes a target of a row's cells, by its kind."""
    (field,) = (field for field in fields if field.role == "target")
    column, option = _of(columns, field.name), f"columns.{field.name}"
    named = None if writing.labels is None else _named(writing.labels)
    if not isinstance(column, str | int):
        places = [_column(held, option, each) for each in column]
        names = [held.titles[place] if held.titles else str(place) for place in places]
        return partial(_marked, dict(zip(places, [(named or {}).get(name, name) for name in names], strict=True)))
    place = _column(held, option, column)
    if field.kind != "number":
        refuse_wrong_header(held, place)
    if field.kind == "label":
        return lambda cells: _label(cells[place], named, encoding)
    if field.kind == "labels":
        return lambda cells: _labels(cells[place], named, encoding, writing.separator)
    return lambda cells: _number(cells[place], writing.decimal)


def _too_long(cells: list[str], most: int, section: str) -> str | None:
    longest = max(map(len, cells))
    return f"cell_too_long: {longest:,} characters, {section}.max_cell is {most:,}" if longest > most else None


def _named(labels: Mapping[str, str]) -> dict[str, str]:
    """Return label names by the value in the file; a number is found in any form, its own first."""
    exact = {tidy(value): name for value, name in labels.items()}
    return {plain_number(value): name for value, name in exact.items()} | exact


def _label(cell: str, named: Mapping[str, str] | None, encoding: str) -> Found:
    """Return (label, problem) of a cell of the label column."""
    if encodings.problem(cell, encoding):
        return None, f"undecodable_label: {encodings.as_found(cell)!r} is not {encoding}"
    value = tidy(cell)
    if not value:
        return None, None
    if named is None:
        return cell.strip(), None
    name = named.get(value, named.get(plain_number(value)))
    return name, None if name is not None else f"unknown_label: {short(value)!r}"


def _labels(cell: str, named: Mapping[str, str] | None, encoding: str, separator: str) -> Found:
    """Return (a JSON list of labels, problem) of a cell with a JSON list, or with labels that `separator` parts."""
    if not tidy(cell):
        return None, None
    parts: Any = cell.split(separator)
    if cell.lstrip().startswith("["):
        try:
            parts = json.loads(cell)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or not all(isinstance(each, str | int) for each in parts):
            return None, f"unreadable_labels: {short(cell)!r} is no JSON list of labels"
    found = [_label(str(each), named, encoding) for each in parts]
    problem = next((fault for _, fault in found if fault), None)
    if problem is None and any(name is None for name, _ in found):
        problem = f"unreadable_labels: {short(cell)!r} names an empty label between two {separator!r}"
    return (None, problem) if problem else (json.dumps([name for name, _ in found], ensure_ascii=False), None)


_MARKS = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}


def _marked(names: Mapping[int, str], cells: list[str]) -> Found:
    """Return (a JSON list of labels, problem) of columns that say 1 or 0, one for each label."""
    marks = {name: plain_number(tidy(cells[place])).lower() for place, name in names.items()}
    if not any(marks.values()):
        return None, None
    wrong = next((f"{name} is {short(mark)!r}" for name, mark in marks.items() if mark not in _MARKS), None)
    if wrong:
        return None, f"unreadable_labels: {wrong}, neither 0 nor 1"
    return json.dumps([name for name, mark in marks.items() if _MARKS[mark]], ensure_ascii=False), None


def _number(cell: str, decimal: str) -> Found:
    """Return (number as text, problem) of a cell, with a point as its decimal mark where the file has commas."""
    value = cell.strip()
    if decimal == ",":
        if "." in value:
            return None, f"not_a_number: {short(value)!r} has a point where the decimal mark is a comma"
        value = value.replace(",", ".")
    return value or None, None
