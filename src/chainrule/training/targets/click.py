"""A score per pair of user and item, by which items are put in order: what was chosen before what was not.

bpr: Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback",
https://arxiv.org/abs/1205.2618, equation 4. softmax: the cross-entropy of the chosen item among those drawn, or among
the whole catalogue (Covington et al. 2016, https://doi.org/10.1145/2959100.2959190, section 3.1).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.scores import click

Facts = Mapping[str, Any]
DECIDES = "missed"
"""Which number of validation rows says which epoch is best: what NDCG@10 lacks to 1."""


def constants(target: Facts) -> dict[str, Tensor]:
    """Return nothing: a score is in no unit."""
    return {}


def answer(scores: Tensor, constants: Mapping[str, Tensor], *, bounded: bool) -> dict[str, Tensor]:
    """Return scores as they are."""
    return {"value": scores.float()}


class Ranking(nn.Module):
    """A model of pairs, and how far it puts a user's own items before others."""

    def __init__(self, model: nn.Module, name: str, negatives: int | None) -> None:
        """Take a model with `contrast`; name: bpr or softmax; negatives: items drawn for each row, None for all."""
        super().__init__()
        self.model, self.negatives = model, negatives
        self.loss = {"bpr": bpr, "softmax": softmax}[name]

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss (a scalar, mean over rows), outputs and count [] of rows; draws are torch's own."""
        names: tuple[str, ...] = self.model.inputs  # type: ignore[assignment]
        given = {name: batch[name] for name in names}
        positive, others = self.model.contrast(self.negatives, **given)  # type: ignore[operator]
        outputs = {"value": positive} if self.training else self.model(**given)
        return {"loss": self.loss(positive, others), "outputs": outputs, "count": torch.tensor(len(positive))}


def bpr(positive: Tensor, others: Tensor) -> Tensor:
    """Return the mean over rows of -log sigmoid(own - other), of scores [B] and [B, n]; LAST counts nothing."""
    return -nn.functional.logsigmoid(positive.unsqueeze(1) - others).mean()


def softmax(positive: Tensor, others: Tensor) -> Tensor:
    """Return the mean over rows of the cross-entropy of the own item, of scores [B] and of others' [B, n]."""
    return (torch.cat([positive.unsqueeze(1), others], dim=1).logsumexp(dim=1) - positive).mean()


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return by how much NDCG@10 of validation rows is less than 1."""
    sums = click.statistics(outputs, encoded, {"mean": 0.0, "std": 1.0, "relevant": 1.0}).sum(axis=0)
    return {DECIDES: 1 - float(np.nan_to_num(click.metrics(sums, {})["ndcg_at_10"]))}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts as they are: an order needs no calibration."""
    return dict(target), {}
