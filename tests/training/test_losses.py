"""What a mistake costs: weights of classes, focal loss, and what validation measures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training.inputs.image import Inputs
from chainrule.training.targets import label, labels
from small_trainings import FACTS, fit

seeds = st.integers(0, 2**31)


def logits(rows: int, classes: int, seed: int) -> Tensor:
    return 3 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))


def of_label(found: Tensor, target: Tensor, **options: float | str) -> nn.Module:
    chosen = {"name": "focal", "class_weights": "none", "smoothing": 0.0, **options}
    return label.loss({"classes": list(range(found.shape[1]))}, target, **chosen)  # type: ignore[arg-type]


@given(seed=seeds, smoothing=st.sampled_from([0.0, 0.2]))
def test_focal_loss_without_focus_is_cross_entropy(seed: int, smoothing: float) -> None:
    found, target = logits(8, 3, seed), torch.arange(8) % 3
    plain = nn.functional.cross_entropy(found, target, label_smoothing=smoothing).item()
    focal = of_label(found, target, gamma=1e-9, smoothing=smoothing)
    assert focal({"logits": found}, target).item() == pytest.approx(plain, rel=1e-4)
    sets = torch.nn.functional.one_hot(target, 3).float()
    smooth = sets * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(found, smooth).item()
    focal = labels.Loss(smoothing=smoothing, gamma=1e-9)
    assert focal({"logits": found}, sets).item() == pytest.approx(each, rel=1e-4)


def test_focal_loss_is_the_papers_equation() -> None:
    # The true class is told with 0.9: 0.1**2 of its log loss; with 0.2: 0.8**2 of it.
    found = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).log()
    target = torch.tensor([0, 0])
    expected = -(0.1**2 * np.log(0.9) + 0.8**2 * np.log(0.2)) / 2
    assert of_label(found, target, gamma=2.0)({"logits": found}, target).item() == pytest.approx(expected, rel=1e-5)
    chances = torch.tensor([[0.9], [0.2]])
    sets = {"logits": torch.logit(chances)}
    assert labels.Loss(gamma=2.0)(sets, torch.ones(2, 1)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_has_a_gradient_however_sure_the_answer(gamma: float) -> None:
    found = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    sets = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    for loss in (
        label.Loss(gamma=gamma)({"logits": found}, torch.tensor([0, 0])),
        labels.Loss(gamma=gamma)({"logits": found}, sets),
    ):
        (slope,) = torch.autograd.grad(loss, found)
        assert bool(torch.isfinite(slope).all())
        assert bool(slope[1].abs().min() > 0.1 / 4)


@given(classes=st.integers(2, 6), rows=st.integers(1, 9), seed=seeds)
def test_weights_of_balanced_classes_are_one(classes: int, rows: int, seed: int) -> None:
    target = torch.arange(classes).repeat(rows)
    assert label.balanced(target, classes).tolist() == [1.0] * classes
    found = logits(len(target), classes, seed)
    weighted = of_label(found, target, name="cross_entropy", class_weights="balanced")({"logits": found}, target)
    assert weighted.item() == pytest.approx(nn.functional.cross_entropy(found, target).item(), rel=1e-5)
    halves = torch.tensor([[0.0], [1.0]]).repeat(rows, classes)
    assert labels.balanced(halves).tolist() == [[1.0] * classes] * 2


@given(counts=st.lists(st.integers(1, 40), min_size=2, max_size=5))
def test_with_balanced_weights_every_class_weighs_the_same_and_a_row_one_in_the_mean(counts: list[int]) -> None:
    target = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    weights = label.balanced(target, len(counts))
    assert weights[target].mean().item() == pytest.approx(1, rel=1e-5)
    masses = torch.bincount(target, weights[target])
    assert masses.tolist() == pytest.approx([len(target) / len(counts)] * len(counts), rel=1e-5)
    sets = nn.functional.one_hot(target).float()
    both = labels.balanced(sets)
    chosen = torch.where(sets > 0, both[1], both[0])
    assert (chosen * sets).sum(0).tolist() == pytest.approx((chosen * (1 - sets)).sum(0).tolist(), rel=1e-4)


def test_a_label_that_every_row_has_needs_no_weight_of_the_rows_without() -> None:
    assert bool(torch.isfinite(labels.balanced(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))).all())


def test_validation_leaves_out_what_only_shapes_the_gradient_and_keeps_what_a_mistake_costs() -> None:
    found, target = logits(6, 2, 0), torch.tensor([0, 0, 0, 0, 0, 1])
    loss = of_label(found, target, gamma=2.0, smoothing=0.3, class_weights="balanced")
    each = nn.functional.cross_entropy(found, target, reduction="none")
    costs = (each[:5].mean() + each[5]) / 2
    assert loss.eval()({"logits": found}, target).item() == pytest.approx(costs.item(), rel=1e-5)
    assert loss.train()({"logits": found}, target).item() != pytest.approx(costs.item(), rel=0.05)


def test_weights_are_no_part_of_a_models_state() -> None:
    assert label.Loss(weights=torch.ones(2)).state_dict() == labels.Loss(weights=torch.ones(2, 2)).state_dict() == {}


def uneven(rows: int, seed: int) -> Inputs:
    """Dark images (class 0) and one in twenty that is lighter (class 1), so noisy that some could be either."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.arange(rows) % 20 == 0).long()
    levels = 100 + 40 * target + 25 * torch.randn(rows, generator=generator)
    return Inputs(levels.clamp(0, 255).to(torch.uint8).view(-1, 1, 1, 1).repeat(1, 6, 6, 1), target, FACTS)


def recalls(outputs: dict[str, np.ndarray], target: np.ndarray) -> dict[str, float]:
    right = outputs["logits"].argmax(axis=1) == target
    return {"macro_recall": float(np.mean([right[target == each].mean() for each in (0, 1)]))}


def test_class_weights_raise_the_mean_recall_where_a_class_is_rare() -> None:
    rows, validation = uneven(400, 0), uneven(400, 1)
    found = {}
    for class_weights in ("none", "balanced"):
        torch.manual_seed(0)
        classes = {"classes": ["dark", "light"]}
        model = task.build(cnn.build(1, width=3, depth=1, dropout=0.0), FACTS, classes)
        loss = {"name": "cross_entropy", "class_weights": class_weights}
        objective = task.objective(model, classes, rows.target, label_smoothing=0.0, loss=loss)
        history = fit(objective, rows, validation, epochs=6, batch_size=40, score=recalls)
        found[class_weights] = next(each for each in reversed(history) if each["best"])["validation_macro_recall"]
    assert found["none"] < 0.6
    assert found["balanced"] > 0.7
