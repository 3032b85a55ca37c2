"""A target that is the text itself: how it goes on, at every place of it.

The column is that of the input: what a language model is given and what it is to tell are the same text.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields import text
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming

DTYPE = "str"
ONE = "a text"
STRATUM = "length"
"""What one of `strata` is called in messages."""
MIN_TEXTS = 2
_STRATA = ("short", "long")


def absent(value: Any) -> bool:
    """Whether there is no text: nothing, no bytes."""
    return value is None or value != value or not len(value)


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return nothing: a text stays as it is."""
    return {}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: no text is another form of one."""
    return {}


def normalise(raw: Any) -> tuple[Any, list[str]]:
    """Return the text as it is: it is normalised as the input that it is."""
    return raw, []


def renamed(value: Any, rename: Renaming) -> tuple[Any, list[str]]:
    """Return the text as it is: it has no name."""
    return value, []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same input cannot have all of these: it is the same text."""
    return False


def classes(values: Sequence[Any]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: nothing."""
    return [()] * len(values)


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: the shorter and the longer half of the texts."""
    lengths = np.array([len(value) for value in values])
    middle = np.median(lengths) if len(lengths) else 0
    return [_STRATA[int(length > middle)] for length in lengths]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these texts, or ""."""
    if len(set(values)) >= MIN_TEXTS:
        return ""
    return f"{len(set(values))} text, and a language is learnt from several"


def refusal(values: Sequence[Any]) -> str:
    """Return why these are hardly texts to be told: nothing says so."""
    return ""


def warnings(values: Collection[Any]) -> list[str]:
    """Return which texts are likely a mistake: none."""
    return []


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil beside what the input must."""
    return []


def traits(values: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what rows can be told apart by: numbers [N] by name."""
    return {"bytes": np.array([_size(value) for value in values], np.float64)}


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return how many bytes of UTF-8 the training texts have: {"bytes"}."""
    return {"bytes": int(sum(map(_size, values)))}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return how many bytes of UTF-8 each text has, float32 [N]: what is to be told of it."""
    return np.array([_size(value) for value in values], np.float32)


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[int]:
    """Return the bytes of each text, from float [N]."""
    return [int(size) for size in encoded]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[float], dict[str, np.ndarray]]:
    """Return the bits per byte of each text, [N], by a model's `nats` and `bytes` [N, T]."""
    bits = outputs["nats"].sum(axis=1) / np.log(2)
    return [float(value) for value in bits / np.maximum(outputs["bytes"].sum(axis=1), 1)], {}


def compared(values: Sequence[Any], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares: bits per byte, of texts that a model has read; else their bytes."""
    numbers = [_size(value) if isinstance(value, str) else float(value) for value in values]
    return None, Measured({"": np.asarray(numbers, np.float64)}, {}, None)


def _size(value: str) -> int:
    return len(value.encode("utf-8", "surrogatepass"))


key = text.key
