"""From silence to a sound, along the pieces that it is made of."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run
from chainrule.evaluation.explanation.parts.audio import pieces, shape

BASELINE = "silence"


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [pieces]: how much of each."""
    ((name, sound),) = inputs.items()
    bands, times = shape(parts.about)
    rate = round(sound.shape[1] / parts.about[-1]["to"])
    made = torch.from_numpy(pieces(sound[0], bands, times, rate)).flatten(0, 1)

    def run(places: Tensor) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = model(**{name: places @ made})
        return found

    return run, torch.zeros(len(made)), torch.ones(len(made))


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what each piece adds, [pieces]: they are what attributions are of."""
    return attributions
