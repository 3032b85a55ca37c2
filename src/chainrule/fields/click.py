"""A target that says that a user chose an item: 1 in every row, for what was not chosen is in none."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chainrule.fields import table
from chainrule.fields.number import DTYPE, absent, answered, classes, decode, encode, tidied, united, warnings
from chainrule.fields.reject import Reject

__all__ = [
    "DTYPE",
    "ONE",
    "STRATUM",
    "absent",
    "answered",
    "classes",
    "compared",
    "contradictory",
    "decode",
    "encode",
    "expectations",
    "fit",
    "normalise",
    "over",
    "refusal",
    "strata",
    "tidied",
    "united",
    "unlearnable",
    "warnings",
]
ONE = "a click"
STRATUM = "kind"
_NONE = {"0", "0.0", "false", "no"}


def normalise(raw: str) -> tuple[float, list[str]]:
    """Return 1 for whatever stands in the cell, such as a name, a moment or a number of times; 0 where it says no."""
    return float(not _says_no(raw)), []


def over(value: float, raw: bytes, options: Mapping[str, Any]) -> tuple[float, list[str]]:
    """Return 1; Reject not_a_click where the cell says no and is not the name of the row's own user or item.

    raw: the row; the last of its columns is that of the clicks, which may be the item's (clean.normalise).
    """
    if not value:
        *_, (column, cell) = table.parsed(raw).items()
        if column not in (options["user"], options["item"]) or not _says_no(cell):
            raise Reject("not_a_click", "0, false or no: the item was not chosen")
    return 1.0, []


def _says_no(cell: Any) -> bool:
    return str(cell).strip().casefold() in _NONE


def contradictory(values: Collection[float]) -> bool:
    """Whether a user cannot have chosen an item so: of several times the first counts."""
    return False


def strata(values: Sequence[float]) -> list[str]:
    """Return what splits keep in proportion: nothing, clicks are all alike."""
    return ["click"] * len(values)


def unlearnable(values: Sequence[float]) -> str:
    """Return why nothing can be learnt from these clicks, or ""."""
    return "" if values else "none, and a ranking needs some"


def refusal(values: Sequence[float]) -> str:
    """Return why these are hardly clicks: nothing says so."""
    return ""


def expectations(column: str, values: Sequence[float]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil: all were chosen."""
    return [("expect_column_values_to_be_between", {"column": column, "min_value": 1, "max_value": 1})]


def fit(values: Sequence[float]) -> dict[str, Any]:
    """Return what clicks are scored by: each counts, and a score is in no unit."""
    return {"mean": 0.0, "std": 1.0, "relevant": 1.0}


def compared(values: Sequence[float], facts: Mapping[str, Any]) -> Any:
    """Return what drift compares: the scores of what was chosen, and of clicks themselves nothing."""
    from chainrule.fields import number
    from chainrule.fields.measured import Measured

    alike = len(set(values)) < 2
    return (None, Measured({}, {}, None)) if alike else number.compared(values, facts)
