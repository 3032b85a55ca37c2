"""Integrated gradients: what a score gains on the straight way from a row that says nothing to the row.

Sundararajan, Taly and Yan 2017, https://arxiv.org/abs/1703.01365. The gradient is taken at the middles of equal steps;
their number is doubled until the attributions add up, or there are MOST times as many.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from chainrule.evaluation.explanation.divided import deviation

TITLE = "Integrated gradients"
COMPLETE = 0.01
"""How far attributions may be from adding up, as a share of what they should add up to."""
MOST = 32
_TOGETHER = 64  # steps of one run
Scored = Callable[[Tensor], tuple[np.ndarray, Tensor]]
"""Scores float64 [S] of places on the way [S, …], and their gradients [S, …]."""


class Attributed(NamedTuple):
    """What each place of a row adds, float64 in the shape of `end`, how far it is from adding up, and the steps."""

    attributions: np.ndarray
    deviation: float
    steps: int


def attribute(scored: Scored, start: Tensor, end: Tensor, steps: int) -> Attributed:
    """Return what the way from `start` to `end`, of one shape, adds to the score."""
    none, whole = (float(scored(place[None])[0][0]) for place in (start, end))
    taken = steps
    while True:
        gradient = _mean_gradient(scored, start, end, taken)
        found = ((end - start).double() * gradient).numpy()
        missed = deviation(found, whole, none)
        if missed <= COMPLETE or taken >= steps * MOST:
            return Attributed(found, missed, taken)
        taken *= 2


def _mean_gradient(scored: Scored, start: Tensor, end: Tensor, steps: int) -> Tensor:
    total = torch.zeros(start.shape, dtype=torch.float64)
    for shares in torch.split((torch.arange(steps) + 0.5) / steps, _TOGETHER):
        places = start + shares.view(-1, *[1] * start.ndim) * (end - start)
        total += scored(places)[1].double().sum(dim=0)
    return total / steps
