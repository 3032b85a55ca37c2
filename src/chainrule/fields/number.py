"""A target that is a number: float64 in the rows, float32 in training, both in the unit of the data."""

import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

DTYPE = "float64"
ONE = "a number"
STRATUM = "range"
"""What one of `strata` is called in messages."""
BINS = 5
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?[\d.]*,[\d,.]*")
_INFINITE = re.compile(r"[+-]?(inf|infinity|∞)", re.IGNORECASE)


def absent(value: Any) -> bool:
    """Whether a cell holds nothing, or blanks alone; "nan" is something, and no number."""
    return value is None or value != value or not str(value).strip()


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return each cell that was met without the blanks around it; None where nothing is left."""
    return {raw: raw.strip() or None for raw in met}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: how a number is written tells no two apart."""
    return {}


def normalise(raw: str) -> tuple[float, list[str]]:
    """Return the number and what had to be repaired.

    Raises Reject: decimal_comma (also one between thousands: which it is, the row does not say), not_finite,
    not_a_number.
    """
    text = str(raw).strip().replace("\u2212", "-")
    if _INFINITE.fullmatch(text):
        raise Reject("not_finite", f"{text!r}")
    if _COMMA.fullmatch(text):
        raise Reject("decimal_comma", f"{text!r}; write 1234.5, or set `decimal` of the source to ','")
    if not _PLAIN.fullmatch(text):
        raise Reject("not_a_number", f"{text[:60]!r}")
    value = float(text)
    if not math.isfinite(value) or abs(value) > float(np.finfo(np.float32).max):
        raise Reject("not_finite", f"{text[:60]!r} is beyond what a model can give")
    return value, []


def contradictory(values: Collection[float]) -> bool:
    """Whether the same input cannot have all of these numbers: it can, a measurement differs from the next."""
    return False


def classes(values: Sequence[float]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: nothing, it can answer with any number."""
    return [()] * len(values)


def strata(values: Sequence[float]) -> list[str]:
    """Return what splits keep in proportion: fifths of all numbers by their bounds, fewer where many are equal."""
    numbers = np.asarray(values, np.float64)
    if not len(numbers):
        return []
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1), method="nearest"))
    place = np.searchsorted(edges[1:-1], numbers, side="right")
    bounds = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)] or [f"{edges[0]:g}"]
    return [bounds[at] for at in place]


def unlearnable(values: Sequence[float]) -> str:
    """Return why nothing can be learnt from these numbers, or ""."""
    if len(set(values)) >= 2:
        return ""
    return f"{f'all of {values[0]:g}' if len(values) else 'none'}, and a regression needs numbers that differ"


def refusal(values: Sequence[float]) -> str:
    """Return why these are hardly numbers to be told: nothing says so."""
    return ""


def warnings(values: Collection[float]) -> list[str]:
    """Return which numbers are likely a mistake: none, any may occur."""
    return []


def expectations(column: str, values: Sequence[float]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    spread = {"column": column, "min_value": 0, "strict_min": True}
    within = {"column": column, "min_value": min(values), "max_value": max(values)}
    return [("expect_column_values_to_be_between", within), ("expect_column_stdev_to_be_between", spread)]


def fit(values: Sequence[float]) -> dict[str, Any]:
    """Return what a model scales its answers by: {"mean", "std"}, std of the population and never 0."""
    numbers = np.asarray(values, np.float64)
    return {"mean": float(numbers.mean()), "std": float(numbers.std()) or 1.0}


def encode(values: Sequence[float], facts: Mapping[str, Any]) -> np.ndarray:
    """Return float32 [N], not scaled: losses and scores are in the unit of the data unless a model scales them."""
    return np.asarray(values, np.float32)


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[float]:
    """Return the numbers of float [N]."""
    return [float(number) for number in encoded]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[float], dict[str, np.ndarray]]:
    """Return the numbers that a model answers with, [N]; how sure they are they do not say."""
    return decode(outputs["value"].reshape(-1), facts), {}


def compared(values: Sequence[float], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of numbers: themselves."""
    return None, Measured({"": np.asarray(values, np.float64)}, {}, None)
