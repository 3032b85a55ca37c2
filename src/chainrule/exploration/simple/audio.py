"""What least squares hear in the spectra of sounds, parts of the time one after the other."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from chainrule.exploration.simple.ridge import each_of, one_of, value
from chainrule.fields import spectra

__all__ = ["TITLE", "each_of", "features", "most", "one_of", "value"]

TITLE = "least squares on the spectra of the sounds"
_BANDS, _TIMES, _RATE = 20, 6, 16_000


def most(values: Sequence[Sequence[bytes]], answers: int) -> int:
    """Return how many rows of sounds [fields][N] can be fitted to: fewer of long ones; any number of answers."""
    size = max(sum(len(value) for value in field) / max(len(field), 1) for field in values)
    return int(min(20_000, max(1_000, 3e8 / max(size, 1))))


def features(fields: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return float32 [N, D], standardised; one array of sounds, int16 [T] each, per input field."""
    found = np.hstack([np.stack([_described(samples) for samples in sounds]) for sounds in fields])
    return np.asarray((found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 0.1))


def _described(samples: np.ndarray) -> np.ndarray:
    """Return decibels float32 [bands * times] of what can be heard of a sound, and how long that is."""
    levels = spectra.log_mel(samples / 32768, _RATE, _BANDS)
    heard = np.flatnonzero(levels.max(axis=1) > -40)
    if len(heard):
        levels = levels[heard[0] : heard[-1] + 1]
    edges = np.linspace(0, len(levels), _TIMES + 1)
    parts = [levels[int(a) : max(int(a) + 1, int(np.ceil(b)))].mean(axis=0) for a, b in pairwise(edges)]
    return np.append(np.concatenate(parts), 10 * np.log(len(levels))).astype(np.float32)
