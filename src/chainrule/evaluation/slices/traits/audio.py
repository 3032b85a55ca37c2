"""Traits of sounds: length, level, the middle of the spectrum, how noisy they are."""

from collections.abc import Sequence

import numpy as np

from chainrule.fields import audio, sounds


def traits(values: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Return numbers [N] by name, of normalised sounds; those that do not differ are left out."""
    rows = []
    for value in values:
        samples, rate = audio.floats(value)
        rows.append({"seconds": len(samples) / rate, **sounds.traits(samples, rate)})
    names = list(rows[0]) if rows else []
    found = {name: np.array([row[name] for row in rows]) for name in names}
    return {name: numbers for name, numbers in found.items() if len(np.unique(numbers)) > 1}
