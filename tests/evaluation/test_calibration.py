import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.evaluation.calibration import fit_temperature, softmax


def calibrated_rows(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the very probability by which the labels were drawn."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, 4)) * 2
    draws = random.random((rows, 1))
    return logits, (softmax(logits, 1.0).cumsum(axis=1) < draws).sum(axis=1)


@settings(max_examples=20)
@given(temperature=st.floats(0.3, 6), seed=st.integers(0, 100))
def test_the_temperature_that_spoilt_the_logits_is_found(temperature: float, seed: int) -> None:
    logits, labels = calibrated_rows(4000, seed)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.12)


def test_no_nearby_temperature_has_less_loss() -> None:
    logits, labels = calibrated_rows(500, 3)
    best = fit_temperature(logits * 3, labels)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits * 3, temperature)[np.arange(500), labels]).mean())

    assert loss(best) < min(loss(best * 1.01), loss(best / 1.01))


def test_rows_that_are_all_right_end_at_the_bound() -> None:
    assert fit_temperature(np.array([[5.0, 0.0], [0.0, 5.0]]), np.array([0, 1])) == pytest.approx(0.05, rel=0.01)


def test_scaling_changes_no_answer_and_large_logits_do_not_overflow() -> None:
    logits, _ = calibrated_rows(100, 0)
    assert (softmax(logits, 7.0).argmax(axis=1) == logits.argmax(axis=1)).all()
    assert softmax(np.array([[1e5, 0.0]]), 1.0).tolist() == [[1.0, 0.0]]
    assert softmax(logits.astype(np.float32), 2.0).sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))
    with pytest.raises(ValueError, match="N > 0"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="positive"):
        softmax(np.zeros((1, 2)), 0.0)
