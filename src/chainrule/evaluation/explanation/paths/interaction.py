"""From nobody in particular to a user and an item, between the vectors that a net makes of both."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.gradients import Run

BASELINE = "a user and an item of whom nothing is known"
_KINDS = ("numbers", "categories")


def ends(model: nn.Module, inputs: Arrays, parts: Parts) -> tuple[Run, Tensor, Tensor]:
    """Return what runs the model on places of the way, its start and its end, float32 [features]."""

    def vectors(of: Arrays) -> Tensor:
        with torch.no_grad():
            found: Tensor = model.vectors(**{name: torch.from_numpy(array) for name, array in of.items()})  # type: ignore[operator]
        return found[0]

    def run(places: Tensor) -> Mapping[str, Tensor]:
        outputs: Mapping[str, Tensor] = model.of_vectors(places)  # type: ignore[operator]
        return outputs

    return run, vectors(parts.blank), vectors(inputs)


def placed(model: nn.Module, attributions: np.ndarray) -> np.ndarray:
    """Return what user, item and each of the features add, of attributions [features]: the last nothing."""
    added = attributions.reshape(2, -1).sum(axis=1)
    features = sum(model.get_buffer(f"{role}_{kind}_at").numel() for role in ("user", "item") for kind in _KINDS)
    return np.concatenate([added, np.zeros(features)])
