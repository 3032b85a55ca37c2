"""A target that is the text itself: which of its words stand near one another.

The column is that of the input, as of texts that go on, and all that is asked of its rows is what is asked of those.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from chainrule.fields.continuation import (
    DTYPE,
    ONE,
    STRATUM,
    absent,
    classes,
    contradictory,
    decode,
    encode,
    expectations,
    fit,
    key,
    normalise,
    refusal,
    renamed,
    strata,
    tidied,
    traits,
    united,
    unlearnable,
    warnings,
)
from chainrule.fields.measured import Measured

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
    "key",
    "normalise",
    "refusal",
    "renamed",
    "strata",
    "tidied",
    "traits",
    "united",
    "unlearnable",
    "warnings",
]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[float], dict[str, np.ndarray]]:
    """Return how well the words of each text fit one another, [N], by a model's `told` and `seen` [N, T]."""
    seen = np.asarray(outputs["seen"], np.float64).sum(axis=1)
    told = np.asarray(outputs["told"], np.float64).sum(axis=1)
    return [float(value) for value in np.where(seen > 0, told / np.maximum(seen, 1), 0.5)], {}


def compared(values: Collection[Any], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares: how well words fit, of texts that a model has read; else the texts' bytes."""
    numbers = [encode([value], facts)[0] if isinstance(value, str) else float(value) for value in values]
    return None, Measured({"": np.asarray(numbers, np.float64)}, {}, None)
