"""What parts that are objects of JSON share: a row of a table, a user and an item."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from chainrule.serving import parsing
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError

Reader = TypeVar("Reader")
KEPT = 8
"""Bundles whose readers are at hand."""
QUICK = 8192
"""The most bytes of rows that are prepared in less than the time in which a thread wakes up, or not much more."""


def of_object(value: object, called: str) -> dict[str, Any]:
    """Return the row that JSON holds. Raises DataError, with what it must be, for anything but an object."""
    if not isinstance(value, dict):
        raise DataError(called)
    return value


def bare(content: Mapping[str, Any], name: str) -> bool:
    """Whether JSON is the row itself, and not one below the name of its field: no cell is an object."""
    return not (set(content) == {name} and isinstance(content[name], dict))


def of_cells(cells: Mapping[str, Any], folder: Path, limits: Limits) -> dict[str, Any]:
    """Return the row that the cells of a file are."""
    return dict(cells)


def of_text(value: str, limits: Limits) -> dict[str, Any]:
    """Return the row whose JSON a text is. Raises DataError for anything else."""
    try:
        return parsing.parse(value.encode(), limits)
    except UnicodeEncodeError as error:
        raise DataError(f"the row is not valid Unicode at character {error.start}") from error
    except Refusal as refusal:
        raise DataError(refusal.message.replace("the body", "the row")) from None


def short(cell: Any) -> str:
    """Return a cell as a message names it."""
    said = json.dumps(cell, ensure_ascii=False)
    return said if len(said) <= 60 else f"{said[:57]}…"


def gaps(rules: Mapping[str, Any]) -> set[str]:
    """Return the inputs in which NaN says that a value is missing."""
    return {"numbers"}


class Kept(Generic[Reader]):
    """What makes a reader of the rules of a bundle, once for the same rules: to make one takes longer than to read."""

    def __init__(self, make: Callable[[Mapping[str, Any]], Reader]) -> None:
        self._make = make
        self._made: dict[int, tuple[Mapping[str, Any], Reader]] = {}

    def __call__(self, rules: Mapping[str, Any]) -> Reader:
        """Return what reads rows by these rules."""
        found = self._made.get(id(rules))
        if found is not None and found[0] is rules:
            return found[1]
        reader = self._make(rules)
        while len(self._made) >= KEPT:
            self._made.pop(next(iter(self._made)), None)
        self._made[id(rules)] = (rules, reader)
        return reader
