"""Boxes in training: they move with their images, and what is learnt of them."""

from typing import Any

import numpy as np
import pytest
import torch

from chainrule.nets.shared.detector import Dense
from chainrule.system.errors import ParamsError
from chainrule.training.inputs.image import Inputs
from chainrule.training.targets import boxes

FACTS: dict[str, Any] = {"channels": 1, "height": 48, "width": 64, "mean": [0.5], "std": [0.3]}


def rows(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """A white rectangle on black in each image, and the box around it."""
    rng = np.random.default_rng(0)
    images = np.zeros((count, 48, 64, 1), np.uint8)
    target = np.zeros((count, 2, 6), np.float32)
    target[:, 1, 4] = -1
    for row in range(count):
        top, left = rng.integers(8, 20), rng.integers(8, 30)
        high, wide = rng.integers(10, 18, 2)
        images[row, top : top + high, left : left + wide] = 255
        target[row, 0, :4] = [left / 64, top / 48, (left + wide) / 64, (top + high) / 48]
    return torch.from_numpy(images), torch.from_numpy(target)


@pytest.mark.parametrize(
    "distort",
    [
        {"shift": 6, "flip": True},
        {"shift": 0, "vertical_flip": True},
        {"shift": 0, "crop": 0.5},
        {"shift": 0, "scale": 0.3},
        {"shift": 0, "degrees": 10.0},
        {"shift": 4, "flip": True, "vertical_flip": True, "crop": 0.8, "scale": 0.1},
    ],
)
def test_boxes_go_where_their_pixels_go(distort: dict[str, Any]) -> None:
    images, target = rows()
    inputs = Inputs(images, target, FACTS, **distort)
    moved = 0
    for seed in range(6):
        batch = inputs.take(torch.arange(8), torch.Generator().manual_seed(seed))
        assert (batch["target"][:, 1, 4] == -1).all()
        for picture, (box, _) in zip(batch["image"], batch["target"], strict=True):
            if box[4] < 0:
                continue
            down, across = torch.nonzero(picture[0] > 127, as_tuple=True)
            found = torch.stack([across.min() / 64, down.min() / 48, (across.max() + 1) / 64, (down.max() + 1) / 48])
            assert (box[:4] - found).abs().max() <= 2.5 / 48
            moved += 1
    assert moved > 20
    plain = inputs.take(torch.arange(8), None)
    assert (plain["target"] == target).all()


def test_a_box_of_which_little_is_left_is_not_learnt() -> None:
    images, target = rows(64)
    inputs = Inputs(images, target, FACTS, shift=0, crop=0.1)
    batch = inputs.take(torch.arange(64), torch.Generator().manual_seed(0))
    gone = batch["target"][:, 0, 4] == -1
    assert 0 < gone.sum() < 64
    white = (batch["image"][:, 0] > 127).flatten(1).any(dim=1)
    assert white[~gone].all()


@pytest.mark.parametrize("distort", [{"cutmix": 1.0}, {"mixup": 0.2}, {"randaugment": 1}, {"window": 16}])
def test_what_knows_nothing_of_boxes_is_refused(distort: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=next(iter(distort))):
        Inputs(*rows(), FACTS, **{"shift": 0, **distort})


def dense(target: torch.Tensor, sure: float = 8.0) -> Dense:
    """What a model says that knows the boxes: heat at their centres, their sides at every place."""
    heat = torch.full((len(target), 2, 12, 16), -sure)
    sides = target[:, :1, :4].transpose(1, 2)[..., None].expand(-1, 4, 12, 16).clone()
    for row, (box, _) in enumerate(target):
        down, across = int((box[1] + box[3]) / 2 * 12), int((box[0] + box[2]) / 2 * 16)
        heat[row, 0, down, across] = sure
    return Dense(heat, sides)


def test_who_knows_the_boxes_loses_nothing() -> None:
    _, target = rows()
    loss = boxes.Loss(5.0)
    best = dense(target)
    assert float(loss(best, target)) < 0.01
    moved = Dense(best.heat, best.boxes + 0.05)
    assert float(loss(moved, target)) > 0.5
    other = Dense(best.heat.flip(1), best.boxes)
    assert float(loss(other, target)) > 5


def test_what_is_marked_is_neither_learnt_nor_held_against_a_model() -> None:
    _, target = rows()
    loss, said = boxes.Loss(5.0), dense(target)
    target[..., 5] = 2
    marked = float(loss(said, target))
    target[..., 4] = -1
    assert marked < 0.01 < float(loss(said, target))


def test_an_image_without_boxes_has_a_loss_with_a_slope() -> None:
    _, target = rows()
    heat = torch.zeros(8, 2, 12, 16, requires_grad=True)
    for nothing in (target * 0 - 1, target[:, :0]):
        found = boxes.Loss(5.0)(Dense(heat, torch.rand(8, 4, 12, 16)), nothing)
        (slope,) = torch.autograd.grad(found, heat)
        assert torch.isfinite(found) and (slope > 0).all()


def test_validation_rows_draw_the_lines() -> None:
    _, target = rows()
    places = target[:, :1, :4].numpy().repeat(3, axis=1)
    places[:, 1] += [0.02, 0, 0.02, 0]  # lies over the first, and is no other thing
    places[:, 2] = [0.0, 0.0, 0.05, 0.05]
    scores = np.tile(np.array([[0.9, 0.1], [0.6, 0.1], [0.5, 0.1]]), (8, 1, 1))
    outputs = {"boxes": places, "scores": scores}
    facts, lines = boxes.calibrate(torch.nn.Identity(), outputs, target.numpy(), {"classes": ["a", "b"]})
    assert facts == {"classes": ["a", "b"], **lines}
    assert 0.6 < lines["threshold"] < 0.9
    assert boxes.deciding(None, outputs, target.numpy())[boxes.DECIDES] < 0.5
