"""A field of a task's rows: one column, with the kind of its values and its role."""

from typing import Literal, NamedTuple


class Field(NamedTuple):
    """One column of a row; `kind` is the name of a module of chainrule.fields."""

    name: str
    kind: str
    role: Literal["input", "target"]
