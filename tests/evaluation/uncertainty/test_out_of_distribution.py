"""Strangeness: what it is of known logits and features, and that its line gives as many false alarms as asked."""

import numpy as np
import pytest

from chainrule.evaluation.uncertainty import out_of_distribution as strange


def test_the_energy_is_minus_the_log_of_the_sum_of_exponentials() -> None:
    assert strange.energy(np.array([[0.0, 0.0], [np.log(3), 0.0]])) == pytest.approx([-np.log(2), -np.log(4)])
    assert strange.energy(np.array([[1e4, 0.0], [-1e4, -1e4]])) == pytest.approx([-1e4, 1e4 - np.log(2)])


def test_the_distance_is_that_of_the_kth_nearest_direction() -> None:
    known = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])
    assert strange.distance(np.array([[5.0, 0.0]]), known, 1) == pytest.approx([0], abs=1e-6)
    assert strange.distance(np.array([[5.0, 0.0]]), known, 2) == pytest.approx([np.sqrt(2)])
    assert strange.distance(np.array([[5.0, 0.0]]), known, 10) == pytest.approx([2])
    many = np.random.default_rng(0).normal(size=(1100, 4))
    slow = np.sort(
        np.linalg.norm(
            (many / np.linalg.norm(many, axis=1, keepdims=True))[:, None]
            - (many[:50] / np.linalg.norm(many[:50], axis=1, keepdims=True)),
            axis=2,
        ),
        axis=1,
    )[:, 4]
    assert strange.distance(many, many[:50], 5) == pytest.approx(slow, abs=1e-6)


def test_the_line_gives_as_many_false_alarms_as_asked() -> None:
    random = np.random.default_rng(0)
    found = [(random.normal(size=1000) > strange.limit(random.normal(size=400), 0.05)).mean() for _ in range(100)]
    assert 0.045 < np.mean(found) < 0.055
    few = random.normal(size=5)
    assert strange.limit(few, 0.05) == few.max()


def test_detection_counts_foreign_rows_beyond_the_line() -> None:
    known, foreign = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 5.0, 6.0])
    assert strange.detection(foreign, known, 4.0) == {"detected": 0.5, "auroc": pytest.approx((0 + 0.5 + 1 + 1) / 4)}
