"""A line below which the model does not know keeps to the risk that was asked for."""

import numpy as np
import pytest

from chainrule.evaluation.uncertainty import selection


def drawn(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and rows right as often as these say."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.3, 1, size=rows)
    return confidence, random.random(rows) < confidence


def test_the_curve_starts_at_the_surest_row() -> None:
    confidence, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    answered, wrong = selection.curve(confidence, right)
    assert answered.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert wrong.tolist() == [0.0, 0.5, pytest.approx(1 / 3), 0.5]
    assert selection.area(confidence, right) == pytest.approx((0 + 0.5 + 1 / 3 + 0.5) / 4)


def test_rows_of_one_confidence_are_answered_together() -> None:
    right = np.array([True, False, False, True])
    assert selection.curve(np.full(4, 0.5), right)[1].tolist() == [0.5] * 4
    assert selection.curve(np.full(4, 0.5), right[::-1])[1].tolist() == [0.5] * 4


def test_the_risk_is_kept_in_nearly_all_draws() -> None:
    """The bound holds with 95%: of 60 draws three may miss; and it is of use, for it does not refuse to answer."""
    missed, answered = 0, []
    confidence, right = drawn(999, 200_000)
    for seed in range(60):
        limit = selection.fit(*drawn(seed, 4000), risk=0.1)
        if limit is None:  # it may: what is not proven is not said
            answered.append(0.0)
            continue
        found = selection.at(confidence, right, limit)
        missed += (found["risk"] or 0) > 0.1
        answered.append(found["answered"])
    assert missed <= 5
    assert np.mean(answered) > 0.15  # the best line answers 0.286


def test_a_model_that_is_always_right_answers_all_and_a_guess_nothing() -> None:
    confidence = np.linspace(0.5, 1, 300)
    assert selection.fit(confidence, np.ones(300, bool), risk=0.05) == 0.5
    assert selection.fit(confidence, np.arange(300) % 2 == 0, risk=0.05) is None
    assert selection.fit(confidence[:20], np.ones(20, bool), risk=0.05) is None  # 20 rows prove no 5%


def test_the_bound_is_clopper_and_pearsons() -> None:
    assert selection.bound(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert selection.bound(3, 3, 0.05) == 1.0
