"""Conformal sets hold the true label as often as they say, whatever the model."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from chainrule.evaluation.uncertainty import conformal, label
from chainrule.training.targets.number import SHARE, half_width

SPLITS = 100
ASKED = {"sets": "lac", "share": 0.9, "risk": 0.05, "alarms": 0.05}


def weak_answers() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of real digits by a classifier that is often wrong and far too sure: the nearest of ten means."""
    images, labels = load_digits(return_X_y=True)
    seen = images[:, 20:28]
    means = np.stack([seen[labels == digit].mean(axis=0) for digit in range(10)])
    logits = -((seen[:, None] - means) ** 2).sum(axis=2) / 20
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("method", conformal.METHODS)
def test_sets_of_90_percent_hold_the_label_of_88_to_92_percent_over_100_splits(method: str) -> None:
    chances, labels = weak_answers()
    assert (chances.argmax(axis=1) == labels).mean() < 0.75  # or the likeliest label alone would do
    found = []
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(labels))
        known, others = order[:600], order[600:]
        limit = conformal.fit(chances[known], labels[known], 0.9, method)
        found.append(conformal.coverage(conformal.sets(chances[others], limit, method), labels[others])["coverage"])
    assert 0.89 < np.mean(found) < 0.91
    assert np.mean([0.88 <= share <= 0.92 for share in found]) > 0.7  # one split varies by 1.5 points


def test_intervals_of_90_percent_hold_88_to_92_percent_over_100_splits() -> None:
    random = np.random.default_rng(0)
    errors = np.abs(random.standard_t(3, size=2000) * random.uniform(0.5, 4, size=2000))
    found = []
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(errors))
        found.append((errors[order[600:]] <= half_width(errors[order[:600]], SHARE)).mean())
    assert 0.88 < np.mean(found) < 0.92


def test_the_threshold_is_the_quantile_for_so_few_rows() -> None:
    scores = np.arange(1, 10) / 10  # nine rows: ceil(10 · 0.9) is the ninth
    assert conformal.threshold(scores, 0.9) == 0.9
    assert conformal.threshold(scores, 0.8) == 0.8
    assert conformal.threshold(scores[:8], 0.9) == np.inf
    # 0.1 + 0.2 and the like must not put the place one too high.
    assert conformal.threshold(np.arange(99.0), 0.9) == 89.0


def test_too_few_rows_make_sets_of_all_labels() -> None:
    chances = np.array([[0.7, 0.2, 0.1]] * 5)
    for method in conformal.METHODS:
        assert conformal.sets(chances, conformal.fit(chances, np.zeros(5, int), 0.9, method), method).all()


def test_scores_say_how_ill_a_label_suits() -> None:
    chances = np.array([[0.2, 0.5, 0.3]])
    assert conformal.scores(chances, "lac") == pytest.approx(np.array([[0.8, 0.5, 0.7]]))
    assert conformal.scores(chances, "aps") == pytest.approx(np.array([[0.8, 0.0, 0.5]]))
    with pytest.raises(ValueError, match="one of lac, aps"):
        conformal.scores(chances, "raps")


def test_the_likeliest_label_is_in_every_set() -> None:
    chances = np.array([[0.4, 0.35, 0.25], [0.9, 0.06, 0.04]])
    assert conformal.sets(chances, 0.2, "lac").tolist() == [[True, False, False], [True, False, False]]
    assert conformal.sets(chances, 0.66, "lac").tolist() == [[True, True, False], [True, False, False]]
    assert conformal.sets(chances, 0.8, "aps").tolist() == [[True, True, True], [True, False, False]]
    assert conformal.sets(chances, 0.5, "aps").tolist() == [[True, True, False], [True, False, False]]


def test_adaptive_sets_grow_with_difficulty() -> None:
    """Where half of the rows are hard, the plain sets fail them and the adaptive ones less so."""
    random = np.random.default_rng(0)
    sharp = np.where(np.arange(4000) % 2, 6.0, 1.0)
    logits = random.normal(size=(4000, 10)) * sharp[:, None]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = powers / powers.sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)
    hard, held = sharp[2000:] == 1.0, {}
    for method in conformal.METHODS:
        limit = conformal.fit(chances[:2000], labels[:2000], 0.8, method)
        sets = conformal.sets(chances[2000:], limit, method)
        held[method] = sets[np.arange(2000), labels[2000:]][hard].mean()
    assert held["lac"] < held["aps"]
    assert abs(held["aps"] - 0.8) < abs(held["lac"] - 0.8)


def test_a_bundles_lines_are_kept_on_further_rows() -> None:
    """Rows whose labels are drawn from the very probabilities: the best of models, right only as often as it says."""
    random = np.random.default_rng(1)
    logits = random.normal(size=(12_000, 5)) * 4
    powers = np.exp(logits)
    chances = powers / powers.sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > random.random((12_000, 1))).argmax(axis=1)
    lines = label.fit({"logits": logits[:4000]}, labels[:4000], ASKED)
    found = label.measured({"logits": logits[4000:]}, labels[4000:], lines)
    assert 0.88 < (found["coverage"] or 0) < 0.92
    assert 0.01 < (found["risk"] or 0) <= 0.05
    assert 0.04 < (found["foreign"] or 0) < 0.06
    assert 0.05 < (found["answered"] or 0) < 0.9
    assert label.shown(lines, found)[0] == ("sets that hold the true label", "90%", f"{found['coverage']:.1%}")


def test_where_no_row_is_sure_enough_that_is_said() -> None:
    logits = np.zeros((30, 2))
    labels = np.arange(30) % 2
    lines = label.fit({"logits": logits}, labels, ASKED)
    assert lines["unsure_below"] is None
    found = label.measured({"logits": logits}, labels, lines)
    assert "answered" not in found
    assert label.shown(lines, found)[3][1:] == ("5% at most", "no answer is proven so sure")
