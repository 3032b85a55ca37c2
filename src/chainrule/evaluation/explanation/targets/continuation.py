"""A text that goes on: how well all of it is told."""

from collections.abc import Mapping

import numpy as np

SAID = "nats"
OUTPUT = "nats"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return 0 for each row, int64 [B]: a text has one cost."""
    return np.zeros(len(outputs[OUTPUT]), np.int64)


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return the cost of each text, in nats, less being better told, float64 [B]."""
    return np.asarray(np.asarray(outputs[OUTPUT], np.float64).sum(axis=1))


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with the output, float64 [B, T]."""
    return np.ones(outputs[OUTPUT].shape)
