"""A number: itself, in the unit of the data."""

from collections.abc import Mapping

import numpy as np

SAID = "value"
OUTPUT = "value"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return 0 for each row, int64 [B]: there is one number."""
    return np.zeros(len(outputs[OUTPUT]), np.int64)


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return the number, float64 [B]."""
    return np.asarray(outputs[OUTPUT], np.float64)


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with the output, float64 [B]."""
    return np.ones(outputs[OUTPUT].shape)
