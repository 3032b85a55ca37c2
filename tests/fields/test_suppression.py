"""Suppression in NumPy: what torchvision's keeps, by class, within bounds."""

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from chainrule.fields import suppression


@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_what_torchvision_keeps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.8, (200, 2))
    boxes = np.hstack([corner, corner + rng.uniform(0.02, 0.4, (200, 2))])
    scores = rng.permutation(200 * 3).reshape(200, 3) / 600
    found = suppression.found(boxes, scores, overlap=0.4, lowest=0.3, most=1000)
    row, label = np.nonzero(scores >= 0.3)
    kept = batched_nms(torch.tensor(boxes[row]), torch.tensor(scores[row, label]), torch.tensor(label), 0.4).numpy()
    assert found.scores.tolist() == scores[row, label][kept].tolist()
    assert found.labels.tolist() == label[kept].tolist()
    assert (found.boxes == boxes[row][kept]).all()


def test_the_likeliest_are_kept_up_to_a_bound_and_numbers_that_are_none_are_no_answer() -> None:
    corner = np.linspace(0, 0.9, 40)[:, None].repeat(2, 1)
    boxes, scores = np.hstack([corner, corner + 0.01]), np.linspace(0.1, 0.9, 40)[:, None]
    found = suppression.found(boxes, scores, most=10)
    assert found.scores.tolist() == scores[::-1][:10, 0].tolist()
    boxes[3, 2] = np.nan
    assert not len(suppression.found(boxes, scores).labels)


def test_an_answer_survives_being_filled_up() -> None:
    one = suppression.Found(np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([2]), np.array([0.7]))
    first, second = suppression.said(suppression.told([one, suppression.NOTHING]), {})
    assert (
        first.boxes.tolist() == one.boxes.tolist() and first.labels.tolist() == [2] and first.scores.tolist() == [0.7]
    )
    assert not len(second.labels)
    assert [len(own.labels) for own in suppression.shown([first, second], {"threshold": 0.8})] == [0, 0]
