"""The columns of a task's rows: its fields, with what is known of their kinds."""

from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.system import plugins
from chainrule.tasks.field import Field, own

if TYPE_CHECKING:
    import pandas as pd


class Column(NamedTuple):
    """A column of rows: its name, the module of chainrule.fields of its values, and whether it may hold nothing.

    What is empty, b"" or "", stands for a value that is not there.
    """

    name: str
    kind: ModuleType
    optional: bool = False


class Columns(NamedTuple):
    """A task's fields, and of these the columns of its inputs, in order, and that of its target."""

    fields: tuple[Field, ...]
    inputs: tuple[Column, ...]
    target: Column


def columns(task: str, modality: str) -> Columns:
    """Return the columns of a task whose inputs are of a modality."""
    return of_fields(plugins.load(f"tasks.{task}", "fields").fields(modality))


def of_fields(fields: tuple[Field, ...]) -> Columns:
    """Return the columns of fields, of which one is a target."""
    found = [(field.role, Column(field.name, plugins.load("fields", field.kind), field.optional)) for field in fields]
    (target,) = (column for role, column in found if role == "target")
    return Columns(fields, tuple(column for role, column in found if role == "input"), target)


def of_inputs(columns: Columns, options: Any) -> list[Any]:
    """Return what of options is about each input: all of them, or where inputs are of several kinds those of its own.

    options: clean.normalise or augment.options.
    """
    kinds = [field.kind for field in columns.fields if field.role == "input"]
    return [own(columns.fields, kind, options) for kind in kinds]


def alterable(columns: Columns) -> list[str]:
    """Return the inputs that may be altered under a target: a text in which it tells places is to stay as it is."""
    names = [column.name for column in columns.inputs]
    return names[:-1] if hasattr(columns.target.kind, "located") else names


def row_classes(rows: "pd.DataFrame", target: str, rules: ModuleType) -> list[tuple[str, ...]]:
    """Return the classes of each row's target, [N]; () of rows without one and of the part unlabelled."""
    labelled = rows["part"].ne("unlabelled").fillna(True).to_numpy(dtype=bool) & rows[target].notna().to_numpy()
    found = iter(rules.classes(rows[target][labelled].to_list()))
    return [next(found) if own else () for own in labelled]
