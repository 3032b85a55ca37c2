"""Spans: nothing is explained, for a text in windows has as many answers as words, and none is that of the row."""

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from chainrule.evaluation.parts import NotShownError

SAID = "log-odds"
OUTPUT = "logits"
EXPLAINED = False
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> NoReturn:
    """Raise NotShownError: a row of spans has no answer that is likelier than its others."""
    raise NotShownError("a row of spans has an answer for each of its words, and none that is the row's")


def score(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest` does."""
    likeliest(outputs)


def gradient(outputs: Mapping[str, np.ndarray], place: int) -> NoReturn:
    """Raise NotShownError, as `likeliest` does."""
    likeliest(outputs)
