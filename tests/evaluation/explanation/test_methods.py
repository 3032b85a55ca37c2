"""Weights of a row's parts by runs alone, against scores whose weights are known."""

from itertools import permutations

import numpy as np
import pytest

from chainrule.evaluation.explanation.methods import METHODS, weigh

RUNS = 256
KNOWN = np.array([2.0, -1.0, 0.0, 0.5, 3.0])


def linear(masks: np.ndarray) -> np.ndarray:
    return 7 + masks @ KNOWN


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("parts", [1, 5, 60])
def test_what_is_linear_has_its_own_coefficients_as_weights(method, parts):
    own = np.random.default_rng(1).normal(size=parts)
    found = weigh(method, lambda masks: 7 + masks @ own, parts, RUNS, seed=3)
    np.testing.assert_allclose(found.weights, own, atol=2e-4)
    assert found.deviation < 1e-3


def test_shapley_values_are_those_of_all_orders():
    def game(masks: np.ndarray) -> np.ndarray:
        one, two, three, four = masks.T.astype(float)
        return 3 * one * two + 2 * three - one * three * four + np.maximum(two, four)

    shares = np.zeros(4)
    for order in permutations(range(4)):
        there = np.zeros(4, bool)
        for part in order:
            before = game(there[None])[0]
            there[part] = True
            shares[part] += (game(there[None])[0] - before) / 24
    found = weigh("shap", game, 4, RUNS, seed=0)
    np.testing.assert_allclose(found.weights, shares, atol=1e-9)
    assert found.deviation == 0


def test_drawn_coalitions_come_near_the_shares_of_equals():
    found = weigh("shap", lambda masks: (masks[:, :8].sum(axis=1) >= 4).astype(float), 20, 4000, seed=0)
    assert found.weights[:8] == pytest.approx(np.full(8, 1 / 8), abs=0.05)
    assert found.weights[8:] == pytest.approx(np.zeros(12), abs=0.05)
    assert found.weights.sum() == pytest.approx(1)


def test_two_parts_that_say_the_same_are_worth_nothing_to_occlusion_and_half_each_to_shap():
    def either(masks: np.ndarray) -> np.ndarray:
        return masks[:, :2].any(axis=1).astype(float)

    occluded, shared = (weigh(method, either, 3, RUNS, seed=0) for method in ("occlusion", "shap"))
    np.testing.assert_allclose(occluded.weights, [0, 0, 0])
    assert occluded.deviation == 1
    np.testing.assert_allclose(shared.weights, [0.5, 0.5, 0], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_the_same_again_and_take_no_more_runs_than_were_given(method):
    asked = []

    def value(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return masks @ np.arange(30) + masks[:, 0] * masks[:, 1]

    one, other = (weigh(method, value, 30, 100, seed=4).weights for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert max(asked) <= 102
    assert METHODS[method].most(100) <= 100


def test_a_row_that_says_nothing_has_no_deviation():
    assert weigh("occlusion", lambda masks: np.zeros(len(masks)), 4, RUNS, seed=0).deviation == 0
