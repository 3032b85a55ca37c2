"""A target that is one name of several: str in the rows, its number among the sorted classes in training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.system.errors import DataError

STRATUM = "class"
"""What one of `strata` is called in messages."""


def absent(value: Any) -> bool:
    """Whether a cell holds no label: nothing, or blanks alone."""
    return value is None or value != value or not str(value).strip()


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the label and what had to be repaired: ingest wrote it in one way already."""
    return raw, []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same input cannot have all of these labels."""
    return len(set(values)) > 1


def names(values: Sequence[str]) -> list[tuple[str, ...]]:
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
