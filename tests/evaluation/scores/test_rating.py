"""Scores of ratings and of lists, against scikit-learn and by hand."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, root_mean_squared_error

from chainrule.evaluation.scores import click, rating

FACTS = {"mean": 3.0, "std": 1.0, "lowest": 1.0, "highest": 5.0, "relevant": 3.0}


def scored(module: Any, outputs: dict[str, Any], target: list[float]) -> dict[str, float]:
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    facts = {**FACTS, "relevant": 1.0} if module is click else FACTS
    sums = module.statistics(arrays, np.asarray(target), facts).sum(axis=0)
    return {name: float(value) for name, value in module.metrics(sums, facts).items()}


def test_a_list_is_scored_as_by_hand() -> None:
    # Ann liked two of three: one stands first, one third. Ben liked one, at place 11. Cem liked none.
    outputs = {"value": [3.0] * 5, "rank": [1, 2, 3, 11, 1], "user_place": [1, 1, 1, 2, 3]}
    found = scored(rating, outputs, [5, 1, 4, 3, 2])
    ann = (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert found["ndcg_at_10"] == pytest.approx(ann / 2)
    assert found["recall_at_10"] == pytest.approx((1 + 0) / 2)


def test_ndcg_is_that_of_scikit_learn() -> None:
    drawn = np.random.default_rng(0)
    items, users = 60, 7
    expected, rows = [], []
    for user in range(users):
        scores, liked = drawn.random(items), drawn.random(items) < 0.3
        expected.append(ndcg_score([liked], [scores], k=10))
        place = (-scores).argsort().argsort() + 1
        rows += [(user, place[item]) for item in np.flatnonzero(liked)]
    whose, rank = np.array(rows).T
    found = scored(click, {"value": -rank, "rank": rank, "user_place": whose}, [1.0] * len(rows))
    assert found["ndcg_at_10"] == pytest.approx(np.mean(expected))


def test_errors_are_those_of_scikit_learn() -> None:
    drawn = np.random.default_rng(1)
    said, true = drawn.uniform(1, 5, 50), drawn.uniform(1, 5, 50)
    outputs = {"value": said, "low": said - 1, "high": said + 1, "rank": np.ones(50), "user_place": np.arange(50)}
    found = scored(rating, outputs, true.tolist())
    assert found["root_mean_squared_error"] == pytest.approx(root_mean_squared_error(true, said))
    assert found["coverage"] == pytest.approx((np.abs(said - true) <= 1).mean())


def test_a_user_counts_once_however_many_rows_there_are() -> None:
    outputs = {"value": [3.0] * 11, "rank": [1] * 10 + [99], "user_place": [1] * 10 + [2]}
    found = scored(click, outputs, [1.0] * 11)
    assert found["recall_at_10"] == pytest.approx(0.5)


def test_without_anything_liked_a_list_has_no_score() -> None:
    found = scored(rating, {"value": [3.0], "rank": [1], "user_place": [1]}, [1.0])
    assert math.isnan(found["ndcg_at_10"]) and found["root_mean_squared_error"] == pytest.approx(2)


def test_a_row_without_an_answer_stands_last() -> None:
    found = scored(click, {"value": [math.nan], "rank": [math.nan], "user_place": [1]}, [1.0])
    assert found["ndcg_at_10"] == 0
