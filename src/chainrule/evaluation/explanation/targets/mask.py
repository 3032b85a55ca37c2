"""A mask: the log-odds of one class, in nats, in the mean over the pixels of the image."""

from collections.abc import Mapping

import numpy as np

from chainrule.fields.mask import said

SAID = "log-odds in the mean over all pixels"
OUTPUT = "logits"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the place of the class that most pixels of each row are said to be of, int64 [B]."""
    return np.array([np.bincount(mask.ravel()).argmax() for mask in said(outputs)[0]], np.int64)


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return the mean over pixels of log p / (1 - p) of the class at a place, float64 [B]."""
    own, others = _parted(outputs, place)
    return np.asarray((own - np.logaddexp.reduce(others, axis=1)).mean(axis=(1, 2)))


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with each logit, float64 [B, C, H, W]."""
    _, others = _parted(outputs, place)
    shares = np.exp(others - np.logaddexp.reduce(others, axis=1, keepdims=True))
    return np.asarray(np.insert(-shares, place, 1.0, axis=1) / (others.shape[2] * others.shape[3]))


def _parted(outputs: Mapping[str, np.ndarray], place: int) -> tuple[np.ndarray, np.ndarray]:
    logits = np.asarray(outputs[OUTPUT], np.float64)
    return logits[:, place], np.delete(logits, place, axis=1)
