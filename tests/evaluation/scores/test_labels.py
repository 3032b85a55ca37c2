import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from chainrule.evaluation import intervals, thresholds
from chainrule.evaluation.scores import labels


def simulated(rows: int, classes: int, seed: int, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Targets [N, C] of 0 and 1 and the logits of a middling model; with `steps`, of few levels, so that many tie."""
    random = np.random.default_rng(seed)
    target = (random.random((rows, classes)) < np.linspace(0.1, 0.6, classes)).astype(np.float32)
    logits = random.normal(size=(rows, classes)) + 1.5 * target - 1
    return target, logits if steps is None else np.round(logits * steps) / steps


def scored(target: np.ndarray, outputs: dict[str, np.ndarray], facts: dict[str, Any] | None = None) -> dict[str, Any]:
    facts = {"classes": [f"class {place}" for place in range(target.shape[1])]} | (facts or {})
    return intervals.scores(labels, outputs, target, facts, groups=None, resamples=20, seed=1)


@settings(max_examples=40)
@given(
    rows=st.integers(2, 60),
    classes=st.integers(2, 6),
    seed=st.integers(0, 1000),
    steps=st.sampled_from([None, 1]),
    threshold=st.floats(0.1, 0.9),
)
@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_scikit_learn(
    rows: int, classes: int, seed: int, steps: int | None, threshold: float
) -> None:
    target, logits = simulated(rows, classes, seed, steps)
    scores = scored(target, {"logits": logits}, {"thresholds": [threshold] * classes})
    present = np.flatnonzero(target.any(axis=0))
    chances = 1 / (1 + np.exp(-logits))
    said = chances >= threshold
    options: dict[str, Any] = {"labels": present, "average": "macro", "zero_division": 0}
    if len(present):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(target, said, **options)
        found = [scores[name]["value"] for name in ("macro_precision", "macro_recall", "macro_f1")]
        assert found == pytest.approx([precision, recall, f1], abs=2e-6)
        areas = [metrics.average_precision_score(target[:, place], chances[:, place]) for place in present]
        assert scores["mean_average_precision"]["value"] == pytest.approx(np.mean(areas), abs=2e-6)
    if target.any() or said.any():
        micro = metrics.f1_score(target, said, average="micro", zero_division=0)
        assert scores["micro_f1"]["value"] == pytest.approx(micro, abs=2e-6)
    assert scores["exact_match"]["value"] == pytest.approx(metrics.accuracy_score(target, said), abs=2e-6)
    losses = [metrics.log_loss(target[:, place], chances[:, place], labels=[0, 1]) for place in range(classes)]
    assert scores["log_loss"]["value"] == pytest.approx(np.mean(losses), abs=2e-6)


def test_average_precision_of_a_resample_is_that_of_its_rows_copied() -> None:
    target, logits = simulated(60, 3, 0, steps=2)
    counts = np.random.default_rng(0).integers(0, 4, size=(60, 5)).astype(float)
    facts = {"classes": list("abc")}
    found = labels.resampled({"logits": logits}, target, facts, np.arange(60))(counts)["mean_average_precision"]
    for column in range(5):
        copies = np.repeat(np.arange(60), counts[:, column].astype(int))
        areas = [metrics.average_precision_score(target[copies, place], logits[copies, place]) for place in range(3)]
        assert found[column] == pytest.approx(np.mean(areas), abs=1e-9)


def test_a_threshold_parts_no_rows_that_differ_by_less_than_a_graph_from_its_model() -> None:
    chances = 0.5 + np.array([[3e-7, 3e-4], [2e-7, 2e-4], [1e-7, 1e-4]], np.float32)
    target = np.array([[1, 1], [0, 0], [0, 0]])
    among, apart = thresholds.fit(chances, target)
    assert among < 0.4 and 0.5002 < apart < 0.5003
    graph, facts = chances - np.float32(2e-7), {"thresholds": [among, apart]}
    assert labels.agree({"probabilities": chances}, {"probabilities": graph}, facts).all()


@settings(max_examples=30)
@given(rows=st.integers(1, 30), seed=st.integers(0, 1000), steps=st.sampled_from([None, 2]))
def test_no_threshold_has_a_better_f1_than_the_one_that_is_chosen(rows: int, seed: int, steps: int | None) -> None:
    target, logits = simulated(rows, 2, seed, steps)
    chances = 1 / (1 + np.exp(-logits))
    for place, threshold in enumerate(thresholds.fit(chances, target)):
        if target[:, place].any():
            said = metrics.f1_score(target[:, place], chances[:, place] >= threshold)
            every = [metrics.f1_score(target[:, place], chances[:, place] >= other) for other in chances[:, place]]
            assert said == pytest.approx(max(every))
        else:
            assert threshold == 0.5


def test_a_row_without_an_answer_is_given_no_label() -> None:
    target, logits = np.ones((4, 2), np.float32), np.full((4, 2), 3.0)
    logits[0, 0] = np.nan
    scores = scored(target, {"logits": logits})
    assert scores["exact_match"]["value"] == 0.75 and scores["macro_recall"]["value"] == 0.75
    assert labels.right({"logits": logits}, target, {}).tolist() == [False, True, True, True]
    assert labels.agree({"logits": logits}, {"logits": logits}, {}).tolist() == [False, True, True, True]


def test_a_class_that_no_row_has_is_in_no_mean_and_no_number() -> None:
    target, logits = simulated(30, 3, 0)
    target[:, 1] = 0
    scores = scored(target, {"logits": logits})
    assert scores["per_class"]["class 1"]["f1"]["value"] is None
    assert scores["per_class"]["class 1"]["average_precision"]["value"] is None
    each = [scores["per_class"][f"class {place}"]["f1"]["value"] for place in (0, 2)]
    assert scores["macro_f1"]["value"] == pytest.approx(np.mean(each), abs=2e-6)
    assert "NaN" not in json.dumps(scores)


def test_models_of_other_classes_are_compared_over_all_of_them_by_their_own_thresholds() -> None:
    ours, theirs = {"classes": ["a", "b"], "thresholds": [0.2, 0.9]}, {"classes": ["b", "c"], "thresholds": [0.5, 0.5]}
    joint = labels.joined([ours, theirs], ["a", "d"])
    assert joint == {"classes": ["a", "b", "c", "d"]}
    found = [labels.aligned({"probabilities": np.array([[0.3, 0.8]])}, facts, joint) for facts in (ours, theirs)]
    assert labels.chosen(found[0], joint).tolist() == [[True, False, False, False]]
    assert labels.chosen(found[1], joint).tolist() == [[False, False, True, False]]


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        scored(np.zeros((2, 3)), {"logits": np.zeros((2, 2))})
    with pytest.raises(ValueError, match="between 0 and 1"):
        scored(np.zeros((2, 2)), {"probabilities": np.full((2, 2), 1.5)})
