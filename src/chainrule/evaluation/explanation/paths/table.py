"""From a row of what is usual to the row, between the features that a net makes of its columns."""

import numpy as np
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run, given_by, through

BASELINE = "a row of what is usual in each column"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [features]."""
    entry = model.get_submodule("net.columns")
    start, end = (given_by(model, entry, given) for given in (parts.blank, inputs))
    return through(model, {entry: end.shape[-1]}, inputs), start, end


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each number, category and text of the inputs adds, of attributions [features]."""
    sizes = np.array(model.get_submodule("net.columns").sizes)
    added = np.add.reduceat(attributions, np.cumsum(sizes) - sizes)
    gaps = model.get_buffer("gaps").numpy()
    numbers = len(model.get_buffer("mean"))
    found = np.concatenate([added[:numbers], added[numbers + len(gaps) :]])
    # That a number is missing is told by a feature of its own.
    np.add.at(found, gaps, added[numbers : numbers + len(gaps)])
    return found
