"""Dropout at work in a model that answers: nothing else changes, and what the entropies are of known answers."""

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.evaluation.uncertainty import mc_dropout
from chainrule.nets.shared.encoder import Dropout


def net() -> nn.Module:
    torch.manual_seed(0)
    parts = [nn.Linear(4, 8), nn.BatchNorm1d(8), Dropout(0.5), nn.Linear(8, 3), nn.Dropout(0.0)]
    return nn.Sequential(*parts).eval()


def test_dropout_works_and_batch_norms_stay() -> None:
    model, rows = net(), torch.randn(16, 4)
    model[1].running_mean.fill_(0.3)  # type: ignore[union-attr, operator]
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def ask() -> np.ndarray:
        with torch.no_grad():
            assert not model[1].training  # type: ignore[index]
            return model(rows).numpy()

    plain = ask()
    found = mc_dropout.drawn(model, ask, 200, seed=1)
    assert found.shape == (200, 16, 3)
    assert not np.array_equal(found[0], found[1])
    assert found.mean(axis=0) == pytest.approx(plain, abs=0.35)  # dropout scales what it keeps
    assert np.array_equal(mc_dropout.drawn(model, ask, 2, seed=1), found[:2])
    assert np.array_equal(ask(), plain)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_net_without_dropout_has_none() -> None:
    assert len(mc_dropout.dropouts(net())) == 1
    assert not mc_dropout.dropouts(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)))


def test_what_passes_disagree_on_is_information_and_what_they_share_is_not() -> None:
    sure_but_split = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    agreed_and_unsure = np.full((2, 1, 2), 0.5)
    for chances, information in ((sure_but_split, np.log(2)), (agreed_and_unsure, 0.0)):
        predictive, mutual = mc_dropout.entropies(chances)
        assert predictive == pytest.approx([np.log(2)])
        assert mutual == pytest.approx([information])
