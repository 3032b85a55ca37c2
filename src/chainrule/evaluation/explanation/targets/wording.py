"""A text that was written: no one number of it is explained; which words it looked at is shown beside it."""

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from chainrule.evaluation.parts import NotShownError

SAID = "text"
OUTPUT = "text"
EXPLAINED = False
"""Whether a row has one answer that can be explained."""
WHY = "a text is many answers, each given those before it; which words they looked at is shown beside it"


def likeliest(outputs: Mapping[str, np.ndarray]) -> NoReturn:
    """Raise NotShownError: there is no one answer whose parts could be weighed."""
    raise NotShownError(WHY)


def score(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest` does."""
    raise NotShownError(WHY)


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest` does."""
    raise NotShownError(WHY)
