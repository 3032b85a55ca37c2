"""One label: its log-odds against all others, in nats. A weight of 0.7 doubles the odds."""

from collections.abc import Mapping

import numpy as np

SAID = "log-odds"
OUTPUT = "logits"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the place of the label that is said of each row, int64 [B]."""
    return np.asarray(outputs[OUTPUT].argmax(axis=1))


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return log p / (1 - p) of the label at a place, float64 [B]."""
    own, others = _parted(outputs, place)
    return np.asarray(own - np.logaddexp.reduce(others, axis=1))


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with each logit, float64 [B, C]."""
    _, others = _parted(outputs, place)
    shares = np.exp(others - np.logaddexp.reduce(others, axis=1, keepdims=True))
    return np.insert(-shares, place, 1.0, axis=1)


def _parted(outputs: Mapping[str, np.ndarray], place: int) -> tuple[np.ndarray, np.ndarray]:
    logits = np.asarray(outputs[OUTPUT], np.float64)
    return logits[:, place], np.delete(logits, place, axis=1)
