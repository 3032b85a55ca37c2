"""From the mean colour of an image to its pixels."""

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run

BASELINE = "an image all of its mean colour"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [C, H, W]."""
    ((name, image),) = inputs.items()
    start, end = (torch.from_numpy(np.ascontiguousarray(each[0])).float() for each in (parts.blank[name], image))
    return lambda places: model(**{name: places}), start, end


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each pixel adds, [H, W], of attributions [C, H, W]."""
    return np.asarray(attributions.sum(axis=0))
