from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from chainrule.evaluation import intervals
from chainrule.evaluation.scores import number

FACTS = {"mean": 0.0, "std": 1.0}


def scored(target: np.ndarray, value: np.ndarray, facts: dict[str, float] = FACTS) -> dict[str, Any]:
    return intervals.scores(number, {"value": value}, target, facts, groups=None, resamples=20, seed=1)


@settings(max_examples=40)
@given(rows=st.integers(2, 60), seed=st.integers(0, 1000), offset=st.sampled_from([0.0, 1e6]))
def test_values_are_those_of_scikit_learn(rows: int, seed: int, offset: float) -> None:
    random = np.random.default_rng(seed)
    target = offset + random.normal(size=rows)
    value = target + random.normal(size=rows)
    expected = {
        "mean_absolute_error": metrics.mean_absolute_error(target, value),
        "root_mean_squared_error": metrics.root_mean_squared_error(target, value),
        "mean_squared_error": metrics.mean_squared_error(target, value),
        "r2": metrics.r2_score(target, value),
    }
    scores = scored(target, value, {"mean": offset, "std": 1.0})
    assert {name: scores[name]["value"] for name in expected} == pytest.approx(expected, rel=1e-6, abs=2e-6)


def test_of_targets_that_are_all_the_same_nothing_can_be_explained() -> None:
    scores = scored(np.full(5, 3.3), np.arange(5.0), {"mean": 1.0, "std": 1.0})
    assert scores["r2"] == {"value": None, "low": None, "high": None}
    assert scores["mean_absolute_error"]["value"] == pytest.approx(1.58)


def test_a_row_without_an_answer_counts_as_the_training_mean() -> None:
    target, value = np.array([1.0, 5.0]), np.array([1.0, np.nan])
    assert scored(target, value, {"mean": 2.0, "std": 1.0})["mean_absolute_error"]["value"] == 1.5
    assert number.agree({"value": value}, {"value": value}, FACTS).tolist() == [True, False]


def test_answers_agree_that_are_close_in_the_measure_of_the_target() -> None:
    ours, theirs = {"value": np.array([100.0, 100.0])}, {"value": np.array([100.09, 100.2])}
    assert number.agree(ours, theirs, {"mean": 100.0, "std": 10.0}).tolist() == [True, False]
    with pytest.raises(ValueError, match="not both"):
        scored(np.zeros(3), np.zeros((3, 1)))


def test_an_interval_is_scored_by_how_many_numbers_it_holds() -> None:
    target, value = np.array([1.0, 5.0, 9.0, 2.0]), np.array([1.5, 4.0, 4.0, 2.0])
    given = {"value": value, "low": value - 1, "high": value + 1}
    found = intervals.scores(number, given, target, FACTS, groups=None, resamples=20, seed=1)
    assert found["coverage"]["value"] == 0.75  # 5.0 lies on an end, which counts
    assert scored(target, value)["coverage"] == {"value": None, "low": None, "high": None}
