"""A set of labels: the log-odds of one of them, in nats. A weight of 0.7 doubles the odds."""

from collections.abc import Mapping

import numpy as np

SAID = "log-odds"
OUTPUT = "logits"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the place of the likeliest label of each row, int64 [B]."""
    return np.asarray(outputs[OUTPUT].argmax(axis=1))


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return log p / (1 - p) of the label at a place, its logit, float64 [B]."""
    return np.asarray(outputs[OUTPUT], np.float64)[:, place]


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with each logit, float64 [B, C]."""
    found = np.zeros(outputs[OUTPUT].shape)
    found[:, place] = 1.0
    return found
