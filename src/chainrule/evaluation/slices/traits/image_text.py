"""Traits of images and of texts, and whether there is one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.slices.traits import image, text


def traits(values: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return numbers [N] by name, of images or of texts; NaN where there is none."""
    kind = text if all(isinstance(value, str) for value in values) else image
    there = np.array([bool(value) for value in values])
    found = {}
    for name, numbers in kind.traits([value for value in values if value]).items():
        found[name] = np.full(len(values), np.nan)
        found[name][there] = numbers
    return found


spoken = text.spoken
