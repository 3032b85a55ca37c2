"""Monte Carlo dropout: a net that forgets at random when it answers, asked many times.

Gal and Ghahramani 2016 (arXiv:1506.02142): the answers are draws from an approximate posterior. Their mean has an
entropy, the predictive one, of which a part is the rows' own and the rest, the mutual information of answer and weights
(Houlsby et al. 2011, arXiv:1112.5745), is what more rows could teach.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

KINDS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def dropouts(model: nn.Module) -> list[nn.Module]:
    """Return the parts of a model that forget at random; none where nothing is ever forgotten."""
    return [part for part in model.modules() if isinstance(part, KINDS) and part.p > 0]


@contextmanager
def forgetting(model: nn.Module, seed: int) -> Iterator[None]:
    """Let dropout work in a model that is in evaluation mode otherwise: the statistics of batch norms stay."""
    parts = dropouts(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in parts:
            part.train()
        try:
            yield
        finally:
            for part in parts:
                part.eval()


def drawn(model: nn.Module, ask: Callable[[], np.ndarray], passes: int, seed: int) -> np.ndarray:
    """Return what a model says of the same rows in so many passes, [passes, N, ...]; ask: asks it once, [N, ...]."""
    with forgetting(model, seed):
        return np.stack([ask() for _ in range(passes)])


def entropies(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predictive entropy and mutual information in nats, float64 [N], of chances [passes, N, C]."""
    predictive = _entropy(chances.mean(axis=0))
    return predictive, np.maximum(predictive - _entropy(chances).mean(axis=0), 0)


def _entropy(chances: np.ndarray) -> np.ndarray:
    chances = np.asarray(chances, np.float64)
    return np.asarray(-(chances * np.log(np.where(chances > 0, chances, 1))).sum(axis=-1))
