"""From a text of unknown words to the text, between the embeddings of their tokens."""

import numpy as np
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run, given_by, through

WINDOWED = 3
"""Axes of ids in windows."""
BASELINE = "a text as long, of unknown words"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [T, D], in windows [W, T, D]."""
    weight = model.net.embeddings  # type: ignore[union-attr]
    (entry,) = (each for each in model.modules() if isinstance(each, nn.Embedding) and each.weight is weight)
    windows = inputs["input_ids"].ndim == WINDOWED  # of which each is a row to the net
    start, end = (given_by(model, entry, given, windows=windows) for given in (parts.blank, inputs))
    return through(model, entry, inputs, windows=windows), start, end


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each token adds, [T] or [W, T], of attributions [..., D]."""
    return np.asarray(attributions.sum(axis=-1))
