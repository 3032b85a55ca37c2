"""From a text of unknown words to the text, between the embeddings of their tokens."""

import numpy as np
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run, given_by, through

BASELINE = "a text as long, of unknown words"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [T, D]."""
    weight = model.net.embeddings  # type: ignore[union-attr]
    (entry,) = (each for each in model.modules() if isinstance(each, nn.Embedding) and each.weight is weight)
    return through(model, entry, inputs), given_by(model, entry, parts.blank), given_by(model, entry, inputs)


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each token adds, [T], of attributions [T, D]."""
    return np.asarray(attributions.sum(axis=1))
