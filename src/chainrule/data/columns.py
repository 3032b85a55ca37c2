"""The columns of a task's rows: its fields, with what is known of their kinds."""

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from chainrule.system import plugins
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd


class Column(NamedTuple):
    """A column of rows: its name, and the module of chainrule.fields of its values."""

    name: str
    kind: ModuleType


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
    found = [(field.role, Column(field.name, plugins.load("fields", field.kind))) for field in fields]
    (target,) = (column for role, column in found if role == "target")
    return Columns(fields, tuple(column for role, column in found if role == "input"), target)


def alterable(columns: Columns) -> list[str]:
    """Return the inputs that may be altered under a target: a text in which it tells places is to stay as it is."""
    names = [column.name for column in columns.inputs]
    return names[:-1] if hasattr(columns.target.kind, "located") else names


def row_classes(rows: "pd.DataFrame", target: str, rules: ModuleType) -> list[tuple[str, ...]]:
    """Return the classes of each row's target, [N]; () of rows without one and of the part unlabelled."""
    labelled = rows["part"].ne("unlabelled").fillna(True).to_numpy(dtype=bool) & rows[target].notna().to_numpy()
    found = iter(rules.classes(rows[target][labelled].to_list()))
    return [next(found) if own else () for own in labelled]
