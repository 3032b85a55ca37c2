"""Whether the sources of a recipe give the fields of its task."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.data.formats.options import BatchOptions
from chainrule.data.sources.catalogue import INCOMING, SOURCES
from chainrule.fields.catalogue import KINDS
from chainrule.recipes.file import at
from chainrule.recipes.mistakes import Mistake, nearest
from chainrule.tasks.field import Field


def unknown_kinds(task: str, fields: Sequence[Field], path: str) -> list[Mistake]:
    """Return a mistake for each field of a task whose kind there is not."""
    return [
        Mistake(
            f"{path}.task",
            repr(task),
            f"its field {field.name} is of an unknown kind {field.kind!r}; one of {', '.join(KINDS)} is needed",
            nearest(field.kind, KINDS),
        )
        for field in fields
        if field.kind not in KINDS
    ]


def not_given(block: Mapping[str, Any], task: str, fields: Sequence[Field], path: str) -> Iterator[Mistake]:
    """Yield what source and incoming do not give of the fields of a task, and columns that are of no field."""
    tables: tuple[tuple[str, Mapping[str, type[BatchOptions]]], ...] = (("source", SOURCES), ("incoming", INCOMING))
    for section, table in tables:
        kind = at(block, (section, "kind"))
        if kind not in table:
            continue  # reported as an unknown name
        gives = table[kind].gives
        if gives is None:
            yield from _columns(at(block, (section,)), fields, f"{path}.{section}")
        elif lacking := [field.name for field in fields if field.name not in gives]:
            fitting = (
                name
                for name, one in table.items()
                if one.gives is None and set(one.modalities) & set(table[kind].modalities)
            )
            needed = (
                f"it gives {' and '.join(gives)}, and task {task} needs {' and '.join(lacking)} as well; a source with "
                f"columns is needed: {', '.join(fitting)}"
            )
            yield Mistake(f"{path}.{section}.kind", repr(kind), needed)


def _columns(options: Mapping[str, Any], fields: Sequence[Field], path: str) -> Iterator[Mistake]:
    """Yield what does not fit the fields among the columns of a table."""
    columns = options.get("columns") or {}
    if not isinstance(columns, dict):
        return  # reported with its section
    names = [field.name for field in fields]
    for name in columns:
        if name not in names:
            needed = f"no field of the task; its fields are {', '.join(names)}"
            yield Mistake(f"{path}.columns.{name}", repr(columns[name]), needed, nearest(str(name), names))
    for field in fields:
        column = columns.get(field.name)
        if isinstance(column, list) and field.kind not in ("labels", "text"):
            needed = f"one column is needed: {field.name} is a {field.kind}, a list is for texts and sets of labels"
            yield Mistake(f"{path}.columns.{field.name}", repr(column), needed)
        if field.kind in ("interaction", "table"):
            if column is not None:
                needed = f"nothing: {field.name} is the whole row; its columns are listed under clean.normalise"
                yield Mistake(f"{path}.columns.{field.name}", repr(column), needed)
        elif column is None and options.get("header") is False:
            yield Mistake(f"{path}.columns.{field.name}", "nothing", "without a header its number is needed, from 0")
        if field.role == "target" and field.kind in ("number", "rating") and options.get("labels"):
            needed = f"null is needed: the {field.name} is a number, and labels names classes"
            yield Mistake(f"{path}.labels", repr(options["labels"]), needed)
