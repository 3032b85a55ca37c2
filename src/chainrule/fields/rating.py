"""A target that is the rating a user gave an item: a number on a scale, float64 in the rows, float32 in training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields import number
from chainrule.fields.number import (
    DTYPE,
    STRATUM,
    absent,
    answered,
    classes,
    compared,
    decode,
    encode,
    expectations,
    normalise,
    refusal,
    strata,
    tidied,
    united,
    unlearnable,
    warnings,
)
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
ONE = "a rating"


def contradictory(values: Collection[float]) -> bool:
    """Whether a user cannot have given one item all of these ratings."""
    return len(set(values)) > 1


def over(value: float, raw: Any, options: Mapping[str, Any]) -> tuple[float, list[str]]:
    """Return a rating as it is; Reject rating_out_of_range where clean.normalise.ratings does not hold it."""
    low, high = options["ratings"] or (None, None)
    if (low is not None and value < low) or (high is not None and value > high):
        raise Reject("rating_out_of_range", f"{value:g} is not from {low} to {high} (clean.normalise.ratings)")
    return value, []


def fit(values: Sequence[float]) -> dict[str, Any]:
    """Return what training ratings tell.

    {"mean", "std", "lowest", "highest", "relevant"}: std of the population and never 0; a rating of `relevant` and
    more, the mean, says that a user liked an item.
    """
    found = number.fit(values)
    scale = np.asarray(values, np.float64)
    return {**found, "lowest": float(scale.min()), "highest": float(scale.max()), "relevant": found["mean"]}
