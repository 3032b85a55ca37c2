"""A field of a task's rows: one column, with the kind of its values and its role."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple


class Field(NamedTuple):
    """One column of a row; `kind` is the name of a module of chainrule.fields."""

    name: str
    kind: str
    role: Literal["input", "target"]
    optional: bool = False
    """Whether a row may do without it, as long as it has another input; what is empty stands for it then."""


def own(fields: Iterable[Field], kind: str, values: Any) -> Any:
    """Return what of `values` is about inputs of a kind: all of it, or where inputs are of several kinds its share.

    values: options, facts or functions of a recipe's inputs; by kind where these are of several.
    """
    kinds = {field.kind for field in fields if field.role == "input"}
    return values[kind] if len(kinds) > 1 else values
