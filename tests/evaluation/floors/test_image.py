from typing import Any

import numpy as np
import pytest

from chainrule.evaluation.floors import image, label


def floors(
    train: Any, labels: np.ndarray, test: Any, classes: int, seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The probabilities of each floor of one label."""
    facts = {"classes": [str(number) for number in range(classes)]}
    found = label.floors(image, [train], labels, [test], facts, seed, groups)
    return {name: outputs["probabilities"] for name, outputs in found.items()}


def bars(rows: int, seed: int, side: int = 8, colour: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images with a bright top, middle or bottom third."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, rows)
    images = random.integers(0, 120, (rows, side, side, 3 if colour else 1)).astype(np.uint8)
    for shown, third in zip(images, labels, strict=True):
        shown[third * side // 3 : (third + 1) * side // 3] += 90
    return images, labels


@pytest.mark.parametrize(("side", "colour"), [(8, False), (9, True), (70, False)])
def test_a_linear_model_learns_from_pixels_of_any_size(side: int, colour: bool) -> None:
    train, train_labels = bars(90, 0, side, colour)
    test, test_labels = bars(30, 1, side, colour)
    found = floors(train, train_labels, test, 3, 0)
    assert found.keys() == {"majority_class", "logistic_regression"}
    assert (found["logistic_regression"].argmax(axis=1) == test_labels).mean() > 0.9
    for probabilities in found.values():
        assert probabilities.shape == (30, 3)
        assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-9)


def test_majority_class_gives_the_training_frequencies_and_unseen_classes_nothing() -> None:
    train, labels = bars(30, 0)
    found = floors(train, labels, train[:2], 5, 0)
    assert found["majority_class"][0].tolist() == (np.bincount(labels, minlength=5) / 30).tolist()
    assert (found["logistic_regression"][:, 3:] == 0).all()


def test_same_seed_same_floors_and_groups_may_be_given() -> None:
    train, labels = bars(30, 0)
    groups = np.array([f"g{number // 2}" for number in range(30)])
    first, second = (floors(train, labels, train[:5], 3, 3, groups)["logistic_regression"] for _ in range(2))
    assert np.array_equal(first, second)


def test_one_class_and_two_rows_still_have_floors() -> None:
    train, _ = bars(2, 0)
    assert floors(train, np.array([1, 1]), train, 2, 0)["logistic_regression"].tolist() == [[0, 1], [0, 1]]
    assert floors(train, np.array([0, 1]), train, 2, 0)["logistic_regression"].argmax(axis=1).tolist() == [
        0,
        1,
    ]


def test_missing_labels_are_refused() -> None:
    small, _ = bars(2, 0)
    with pytest.raises(ValueError, match="labels"):
        floors(small, np.array([0]), small, 2, 0)
