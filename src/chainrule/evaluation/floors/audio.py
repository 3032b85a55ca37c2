"""What a linear model hears in the mean spectrum of sounds.

Of each sound the mean of its decibels over the moments that can be heard, band by band, and how much they vary; the
loudest of each is 0 dB. Each number is standardised by the training rows.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.floors.linear import classifiers, one_vs_rest, regressors
from chainrule.fields import spectra

__all__ = ["FEW_ROWS", "classifiers", "described", "features", "one_vs_rest", "regressors"]

FEW_ROWS: int | None = 10_000
"""With more rows than this, one fold held out says enough about a strength."""
BANDS, RATE = 40, 16_000
"""Bands from 0 to half of the rate, whatever that is: all sounds of a recipe have one."""
_HEARD = 50.0  # decibels below the loudest moment


def features(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 [N, D] of training and test rows; one array of sounds, int16 [T] each, per input field."""
    seen, asked = (np.hstack([described(field) for field in fields]) for fields in (train, test))
    mean, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 0.1)
    return (seen - mean) / spread, (asked - mean) / spread


def described(sounds: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return decibels float32 [N, 2 * BANDS]: of each band the mean over time, and the standard deviation."""
    found = np.empty((len(sounds), 2 * BANDS), np.float32)
    for row, samples in enumerate(sounds):
        levels = spectra.log_mel(samples / 32768, RATE, BANDS)
        heard = levels[levels.max(axis=1) >= -_HEARD]
        levels = heard if len(heard) else levels
        found[row] = np.concatenate([levels.mean(axis=0), levels.std(axis=0)])
    return found
