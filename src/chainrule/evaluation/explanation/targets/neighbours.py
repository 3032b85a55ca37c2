"""Word vectors: nothing is explained, for every word of a text is told by all others, and none is the row's answer."""

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from chainrule.evaluation.parts import NotShownError

SAID = "fit"
OUTPUT = "told"
EXPLAINED = False
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> NoReturn:
    """Raise NotShownError: a text has no answer that is likelier than its others."""
    raise NotShownError("word vectors answer for each word of a text, and with nothing that is the row's")


def score(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest`."""
    likeliest(outputs)


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest`."""
    likeliest(outputs)
