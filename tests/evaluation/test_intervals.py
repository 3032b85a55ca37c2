"""Laws that the scores of every kind of target keep."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.evaluation import intervals, primary
from chainrule.evaluation.paired import paired_comparison
from chainrule.evaluation.scores import label, labels, number


class Case(NamedTuple):
    """A kind of target with rows and two models' answers to them."""

    measure: ModuleType
    facts: dict[str, Any]
    target: np.ndarray
    outputs: dict[str, np.ndarray]
    others: dict[str, np.ndarray]
    perfect: dict[str, np.ndarray]

    def take(self, rows: Any) -> "Case":
        arrays = (self.outputs, self.others, self.perfect)
        cut = [{name: array[rows] for name, array in each.items()} for each in arrays]
        return Case(self.measure, self.facts, self.target[rows], *cut)


def cases(rows: int, seed: int) -> Iterator[Case]:
    random = np.random.default_rng(seed)
    classes = {"classes": list("abc")}
    truth = random.integers(0, 3, rows)
    sets = (random.random((rows, 3)) < 0.4).astype(np.float32)
    for measure, facts, target, perfect in (
        (label, classes, truth, 50 * np.eye(3)[truth]),
        (labels, {**classes, "thresholds": [0.3, 0.5, 0.6]}, sets, 50 * (2 * sets - 1)),
    ):
        ours, theirs = ({"logits": random.normal(size=(rows, 3)) + perfect / 50} for _ in range(2))
        yield Case(measure, facts, target, ours, theirs, {"logits": perfect})
    target = random.normal(size=rows)
    ours, theirs = ({"value": target + random.normal(size=rows)} for _ in range(2))
    yield Case(number, {"mean": 0.1, "std": 1.2}, target, ours, theirs, {"value": target})


every_case = given(rows=st.integers(3, 40), seed=st.integers(0, 1000), kind=st.integers(0, 2))


def case(rows: int, seed: int, kind: int) -> Case:
    return list(cases(rows, seed))[kind]


def sums(case: Case) -> np.ndarray:
    return np.asarray(case.measure.statistics(case.outputs, case.target, case.facts).sum(axis=0))


def compared(case: Case, **options: Any) -> dict[str, Any]:
    options = {"groups": None, "resamples": 100, "seed": 0} | options
    return paired_comparison(case.measure, case.outputs, case.others, case.target, case.facts, **options)


@settings(max_examples=30)
@every_case
def test_sums_add_up_over_rows_and_do_not_know_their_order(rows: int, seed: int, kind: int) -> None:
    whole = case(rows, seed, kind)
    assert sums(whole.take(slice(None, 2))) + sums(whole.take(slice(2, None))) == pytest.approx(sums(whole))
    assert sums(whole.take(np.random.default_rng(seed).permutation(rows))) == pytest.approx(sums(whole))


@settings(max_examples=20)
@every_case
def test_metrics_of_many_sums_are_those_of_each(rows: int, seed: int, kind: int) -> None:
    one, other = case(rows, seed, kind), case(rows + 1, seed + 1, kind)
    stacked = one.measure.metrics(np.stack([sums(one), sums(other)]), one.facts)
    for place, each in enumerate((one, other)):
        for name, found in each.measure.metrics(sums(each), each.facts).items():
            assert stacked[name][place] == pytest.approx(found, nan_ok=True)


@settings(max_examples=20)
@every_case
def test_the_order_of_rows_changes_no_score(rows: int, seed: int, kind: int) -> None:
    whole = case(rows, seed, kind)
    moved = whole.take(np.random.default_rng(seed).permutation(rows))
    options: dict[str, Any] = {"groups": None, "resamples": 5, "seed": 0}
    plain, shuffled = (
        intervals.scores(each.measure, each.outputs, each.target, each.facts, **options)  # type: ignore[arg-type]
        for each in (whole, moved)
    )
    for score in whole.measure.SCORES:
        assert shuffled[score.name]["value"] == pytest.approx(plain[score.name]["value"], abs=2e-6)


@settings(max_examples=30)
@every_case
def test_a_difference_turns_its_sign_with_the_models(rows: int, seed: int, kind: int) -> None:
    there = case(rows, seed, kind)
    found, back = compared(there), compared(there._replace(outputs=there.others, others=there.outputs))
    assert back["difference"]["value"] == pytest.approx(-found["difference"]["value"])
    assert back["difference"]["low"] == pytest.approx(-found["difference"]["high"], abs=2e-6)
    assert (back["challenger"], back["champion"]) == (found["champion"], found["challenger"])


@pytest.mark.parametrize("kind", range(3))
def test_the_better_model_is_ahead_whichever_way_its_metric_points(kind: int) -> None:
    found = case(200, 0, kind)
    ahead = compared(found._replace(outputs=found.perfect))
    assert ahead["difference"]["low"] > 0
    assert ahead["primary"] == primary.plain(found.measure.PRIMARY)
    best = 0.0 if kind == 2 else 1.0
    assert ahead["challenger"] == pytest.approx(best, abs=1e-6)
    assert primary.value(found.measure, found.perfect, found.target, found.facts) == pytest.approx(best)  # type: ignore[arg-type]
    assert ("mcnemar_p" in ahead) == (kind != 2), "a number is not right or wrong"


def test_an_interval_needs_rows_and_resamples() -> None:
    with pytest.raises(ValueError, match="needs rows"):
        intervals.measured(np.zeros((0, 2)), lambda sums: {}, groups=None, resamples=5, seed=0)
    with pytest.raises(ValueError, match="at least 1 resample"):
        intervals.measured(np.zeros((3, 2)), lambda sums: {}, groups=None, resamples=0, seed=0)
