import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.evaluation.calibration import fit_mixture, fit_temperature, softmax


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


@settings(max_examples=20)
@given(temperature=st.floats(0.5, 4), weight=st.floats(0.1, 2), seed=st.integers(0, 100))
def test_the_factors_that_parted_the_logits_are_found(temperature: float, weight: float, seed: int) -> None:
    logits, labels = calibrated_rows(4000, seed)
    share = np.random.default_rng(seed + 1000).normal(size=logits.shape)
    found = fit_mixture((logits - weight * share) * temperature, share, labels)
    assert found == (pytest.approx(temperature, rel=0.15), pytest.approx(weight, abs=0.15))


def test_what_tells_nothing_weighs_nothing_and_leaves_the_temperature() -> None:
    logits, labels = calibrated_rows(500, 4)
    temperature, weight = fit_mixture(logits * 3, np.zeros_like(logits), labels)
    assert weight == 0
    assert temperature == pytest.approx(fit_temperature(logits * 3, labels), rel=1e-3)
    contrary = -np.eye(4)[labels] + np.random.default_rng(0).normal(size=logits.shape)
    assert fit_mixture(logits, contrary, labels)[1] == 0


def test_no_nearby_factors_have_less_loss() -> None:
    logits, labels = calibrated_rows(500, 5)
    beside = np.eye(4)[labels] + np.random.default_rng(1).normal(size=logits.shape)
    temperature, weight = fit_mixture(logits, beside, labels)

    def loss(temperature: float, weight: float) -> float:
        scores = logits / temperature + weight * beside
        return float(-np.log(softmax(scores, 1.0)[np.arange(500), labels]).mean())

    best = loss(temperature, weight)
    for nearby in ((1.02, 1), (1 / 1.02, 1), (1, 1.02), (1, 1 / 1.02)):
        assert best < loss(temperature * nearby[0], weight * nearby[1])


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_mixture(np.zeros((1, 2)), np.array([[np.nan, 0.0]]), np.array([0]))
    with pytest.raises(ValueError, match="N > 0"):
        fit_mixture(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64))
