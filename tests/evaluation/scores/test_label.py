import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from chainrule.evaluation.scores import label
from chainrule.evaluation.scores.label import calibration_bins
from label_scores import classification_scores

SCORES = [score.name for score in label.SCORES]


def simulated(rows: int, classes: int, seed: int, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of a middling model; with `steps`, probabilities of few levels, so that many
    tie.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes))
    logits[np.arange(rows), labels] += 1.2
    powers = np.exp(logits if steps is None else np.round(logits * steps) / steps)
    return labels, powers / powers.sum(axis=1, keepdims=True)


def names(classes: int) -> list[str]:
    return [f"class {number}" for number in range(classes)]


def scored(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray | None = None, resamples: int = 20
) -> dict:
    return classification_scores(
        labels, probabilities, names(probabilities.shape[1]), groups=groups, resamples=resamples, seed=1
    )


@settings(max_examples=40)
@given(
    rows=st.integers(2, 60),
    classes=st.integers(2, 6),
    seed=st.integers(0, 1000),
    steps=st.sampled_from([None, 1]),
)
@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_scikit_learn(rows: int, classes: int, seed: int, steps: int | None) -> None:
    labels, probabilities = simulated(rows, classes, seed, steps)
    predicted = probabilities.argmax(axis=1)
    scores = scored(labels, probabilities)
    present = np.unique(labels)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=present, average="macro", zero_division=0
    )
    areas = [
        metrics.roc_auc_score(labels == number, probabilities[:, number]) for number in present if len(present) > 1
    ]
    area = areas[-1] if classes == 2 and areas else np.mean(areas) if areas else None
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "roc_auc": area,
        "log_loss": metrics.log_loss(labels, probabilities, labels=range(classes)),
    }
    assert {name: scores[name]["value"] for name in expected} == pytest.approx(expected, abs=2e-6)
    each = metrics.precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    for number in present:
        entry = scores["per_class"][f"class {number}"]
        found = [entry[key]["value"] for key in ("precision", "recall", "f1")]
        assert found == pytest.approx([part[number] for part in each[:3]], abs=2e-6)
        assert entry["support"] == each[3][number]


def test_resamples_are_scored_as_if_their_rows_had_been_copied() -> None:
    """Rows copied within their group weigh the same in every resample: no score may change."""
    labels, probabilities = simulated(50, 3, 0, steps=1)
    once, thrice = (
        scored(labels, probabilities),
        scored(np.tile(labels, 3), np.tile(probabilities, (3, 1)), np.tile(np.arange(50), 3)),
    )
    for name in SCORES:
        assert thrice[name] == pytest.approx(once[name], abs=2e-6)


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.35, 0.65]])
    labels = np.array([0, 1, 1, 1])
    # bins (.8667, .9333]: 2 rows, .5 right; (.6667, .7333] and (.6, .6667]: 1 row each, right
    expected = (2 * abs(0.5 - 0.9) + abs(1 - 0.7) + abs(1 - 0.65)) / 4
    assert scored(labels, probabilities)["expected_calibration_error"]["value"] == pytest.approx(expected, abs=1e-6)
    assert calibration_bins(labels, probabilities)["count"].tolist() == [0] * 9 + [1, 1, 0, 0, 2, 0]


def test_a_confidence_on_the_edge_belongs_to_the_lower_bin_and_certainty_to_the_last() -> None:
    bins = calibration_bins(np.array([0, 0]), np.array([[0.8, 0.2], [1.0, 0.0]]))
    assert np.flatnonzero(bins["count"]).tolist() == [11, 14]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), classes=st.integers(3, 5))
def test_renaming_the_classes_moves_every_score_along(seed: int, classes: int) -> None:
    labels, probabilities = simulated(80, classes, seed)
    order = np.random.default_rng(seed).permutation(classes)
    plain = scored(labels, probabilities)
    moved = classification_scores(
        np.argsort(order)[labels], probabilities[:, order], [names(classes)[at] for at in order],
        groups=None, resamples=20, seed=1,
    )  # fmt: skip
    for name in SCORES:
        assert moved[name] == pytest.approx(plain[name], abs=2e-6)
    for name, entry in plain["per_class"].items():
        assert moved["per_class"][name]["f1"] == pytest.approx(entry["f1"], abs=2e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter_to_values(seed: int) -> None:
    labels, probabilities = simulated(60, 3, seed, steps=1)
    order = np.random.default_rng(seed).permutation(60)
    plain, moved = scored(labels, probabilities), scored(labels[order], probabilities[order])
    for name in SCORES:
        assert moved[name]["value"] == pytest.approx(plain[name]["value"], abs=2e-6)


def test_same_inputs_and_seed_give_the_same_plain_data() -> None:
    labels, probabilities = simulated(200, 3, 0)
    first, second = scored(labels, probabilities), scored(labels, probabilities)
    assert json.dumps(first) == json.dumps(second)
    other = classification_scores(labels, probabilities, names(3), groups=None, resamples=20, seed=2)
    assert other["accuracy"]["low"] != first["accuracy"]["low"] or other["log_loss"] != first["log_loss"]


def test_intervals_of_accuracy_cover_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        right = random.random(200) < 0.8
        probabilities = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        entry = classification_scores(
            np.zeros(200, np.int64), probabilities, names(2), groups=None, resamples=200, seed=trial
        )["accuracy"]
        covered += entry["low"] <= 0.8 <= entry["high"]
    assert 0.91 <= covered / 300 <= 0.98


def test_rows_that_stand_or_fall_together_need_groups_to_be_covered() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 8)
    covered = {"grouped": 0, "rows": 0}
    for trial in range(150):
        right = np.repeat(random.random(60) < 0.7, 8)
        probabilities = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        for kind, by in (("grouped", groups), ("rows", None)):
            entry = classification_scores(
                np.zeros(480, np.int64), probabilities, names(2), groups=by, resamples=150, seed=trial
            )["accuracy"]
            covered[kind] += entry["low"] <= 0.7 <= entry["high"]
    assert covered["grouped"] / 150 >= 0.89
    assert covered["rows"] / 150 < 0.7


def test_groups_may_have_any_names_and_are_counted() -> None:
    labels, probabilities = simulated(6, 2, 0)
    by_name = scored(labels, probabilities, np.array(["b", "a", "b", "c", "c", "a"]))
    assert by_name == scored(labels, probabilities, np.array([7, 3, 7, 1, 1, 3]))
    assert by_name["groups"] == 3


def test_a_class_that_misses_from_resamples_is_counted_and_left_out_of_its_interval() -> None:
    labels = np.array([0] * 9 + [1])
    probabilities = np.tile([0.9, 0.1], (10, 1))
    probabilities[9] = [0.2, 0.8]
    scores = scored(labels, probabilities, resamples=400)
    rare = scores["per_class"]["class 1"]
    assert 0.25 < rare["absent_resamples"] / 400 < 0.45  # (1 - 1/10)^10 is 0.35
    assert rare["absent_resamples"] == scores["undefined_resamples"]["roc_auc"] == rare["unpredicted_resamples"]
    assert rare["recall"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert scores["macro_recall"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_what_is_undefined_on_the_rows_themselves_is_none_and_never_a_number() -> None:
    scores = scored(np.zeros(5, np.int64), np.tile([0.9, 0.1], (5, 1)))
    assert scores["roc_auc"] == {"value": None, "low": None, "high": None}
    assert scores["per_class"]["class 1"]["recall"]["value"] is None
    assert scores["macro_recall"]["value"] == 1.0
    assert "NaN" not in json.dumps(scores)


def test_a_class_never_predicted_has_precision_zero() -> None:
    scores = scored(np.array([0, 1, 1]), np.tile([0.9, 0.1], (3, 1)))
    assert scores["per_class"]["class 1"]["precision"]["value"] == 0.0
    assert scores["per_class"]["class 1"]["unpredicted_resamples"] == 20


def test_certainty_in_the_wrong_class_costs_a_finite_log_loss() -> None:
    scores = scored(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert scores["log_loss"]["value"] == pytest.approx(-np.log(np.finfo(float).eps) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[0.5, 0.5]], "N"),
        ([0], [[0.5, 0.4]], "sum to 1"),
        ([0], [[-0.1, 1.1]], "negative"),
        ([2], [[0.5, 0.5]], "labels run"),
        ([-1], [[0.5, 0.5]], "labels run"),
        ([0], [[0.2, 0.3, 0.5]], "class names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(labels: list[int], probabilities: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classification_scores(np.array(labels), np.array(probabilities), names(2), groups=None, resamples=2, seed=0)
    with pytest.raises(ValueError, match="groups"):
        scored(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([1]))
