"""Boxes: how sure the model is of a class, as the sum of its scores over the places that it answers with."""

from collections.abc import Mapping

import numpy as np

SAID = "the sum of the scores of its class over all places that are answered"
OUTPUT = "scores"
EXPLAINED = True
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the place of the class of which most is seen in each row, int64 [B]."""
    return np.asarray(np.asarray(outputs[OUTPUT]).sum(axis=1).argmax(axis=1), np.int64)


def score(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return the sum of the scores of the class at a place, float64 [B]."""
    return np.asarray(np.asarray(outputs[OUTPUT], np.float64)[:, :, place].sum(axis=1))


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> np.ndarray:
    """Return how `score` changes with each score, float64 [B, K, C]."""
    found = np.zeros(np.shape(outputs[OUTPUT]))
    found[:, :, place] = 1
    return found
