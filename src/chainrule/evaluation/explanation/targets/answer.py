"""An answer to a question: a place in its passage, to which the weights of words do not add up."""

from collections.abc import Mapping

import numpy as np

from chainrule.evaluation.parts import NotShownError

SAID = "answer"
OUTPUT = "start_logits"
EXPLAINED = False
"""Whether a row has one answer that can be explained."""


def likeliest(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Raise NotShownError: hiding a word moves every place behind it, so that no number of one place is left."""
    raise NotShownError("an answer is a place in its passage, and hiding words moves it; no weights of words are told")
