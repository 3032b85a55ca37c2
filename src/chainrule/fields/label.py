"""A target that is one name of several: str in the rows, its number among the sorted classes in training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming, doubts, same_numbers, tidy, too_many
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

DTYPE = "str"
ONE = "a label"
STRATUM = "class"
"""What one of `strata` is called in messages."""
MIN_ROWS = 2
"""Rows that every class needs."""


def absent(value: Any) -> bool:
    """Whether a cell holds no label: nothing, or blanks alone."""
    return value is None or value != value or not str(value).strip()


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return each label that was met as it is to be written; None where nothing is left of it."""
    return {label: tidy(label) or None for label in met}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return the form that is kept for labels that are other forms of a number: the known one, else the first met."""
    return same_numbers(met, known)


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the label and what had to be repaired: ingest wrote it in one way already."""
    return raw, []


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the label as the recipe calls it, and whether that is another. Raises Reject: dropped_label."""
    name = rename(value)
    if name is None:
        raise Reject("dropped_label", f"clean.labels.drop names {value}")
    return name, ["renamed_label"] if name != value else []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same input cannot have all of these labels."""
    return len(set(values)) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: the label."""
    return [(value,) for value in values]


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: the labels."""
    return list(values)


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these labels, or ""."""
    known = sorted(set(values))
    if len(known) >= 2:
        return ""
    return f"{f'only of class {known[0]}' if known else 'none'}, and a classifier needs two classes"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly labels, or ""."""
    return too_many(set(values), len(values))


def warnings(values: Collection[str]) -> list[str]:
    """Return which labels are likely a mistake, in words."""
    return doubts(set(values))


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    known = sorted(set(values))
    return [
        ("expect_column_values_to_be_in_set", {"column": column, "value_set": known}),
        ("expect_column_distinct_values_to_contain_set", {"column": column, "value_set": known}),
        ("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": MIN_ROWS}),
    ]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return what encoding needs: {"classes": the distinct labels, sorted}."""
    return {"classes": sorted(set(values))}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return int64 [N], the place of each label among the classes; DataError for one that is none of them."""
    number = {name: place for place, name in enumerate(facts["classes"])}
    strange = sorted({str(value) for value in values if value not in number})
    if strange:
        raise DataError(
            f"label {strange[0]!r} is none of {', '.join(facts['classes'])}: train again on rows that have it"
        )
    return np.array([number[value] for value in values], np.int64)


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the labels of int [N]."""
    return [facts["classes"][number] for number in encoded.tolist()]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the labels that logits [N, C] say, and how sure they are: {"confidence": the best probability [N]}."""
    logits = outputs["logits"].astype(np.float64)
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return decode(chances.argmax(axis=1), facts), {"confidence": chances.max(axis=1)}


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of labels: their balance."""
    return list(values), Measured({}, {}, None)
