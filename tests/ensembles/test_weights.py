"""What members weigh, and the mean of their answers, where the right ones are known."""

import numpy as np
import pytest

from chainrule.ensembles import comparison, label, labels, number
from chainrule.evaluation.calibration import softmax
from chainrule.evaluation.scores import label as scores
from chainrule.evaluation.uncertainty.out_of_distribution import energy

ROWS = 4000


def rows_of_two_experts(sharp: float = 3.0) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """Labels that are drawn from the first member's chances in 3 rows of 4, from the second's in the others."""
    random = np.random.default_rng(0)
    members = [{"logits": random.normal(size=(ROWS, 4)) * sharp} for _ in range(3)]
    chances = np.stack([softmax(each["logits"], 1.0) for each in members])
    taken = chances[(np.arange(ROWS) % 4 == 0).astype(int), np.arange(ROWS)]
    return members, (taken.cumsum(axis=1) > random.random((ROWS, 1))).argmax(axis=1)


def test_stacked_weights_are_the_shares_that_made_the_labels() -> None:
    found = label.weights(*rows_of_two_experts())
    assert found.sum() == pytest.approx(1)
    assert found == pytest.approx([0.75, 0.25, 0], abs=0.03)


def test_a_member_that_says_nothing_is_left_out() -> None:
    members, target = rows_of_two_experts()
    weighs = comparison.weights(label, [members[0], {"logits": members[0]["logits"] * 0}], target * 0, stacked=True)
    assert weighs.sum() == pytest.approx(1)
    sure = {"logits": np.eye(4)[target] * 30}
    weighs = comparison.weights(label, [sure, members[2]], target, stacked=True)
    assert weighs.tolist() == [1, 0]
    assert comparison.weights(label, members, target, stacked=False) == pytest.approx([1 / 3] * 3)


def test_the_mean_is_of_probabilities_and_its_energy_that_of_the_members() -> None:
    members, _ = rows_of_two_experts()
    weighs = np.array([0.5, 0.3, 0.2])
    found = label.answers(members, weighs, {"temperature": 1.0})["logits"]
    chances = sum(weight * softmax(each["logits"], 1.0) for weight, each in zip(weighs, members, strict=True))
    assert softmax(found, 1.0) == pytest.approx(chances)
    energies = sum(weight * energy(each["logits"]) for weight, each in zip(weighs, members, strict=True))
    assert energy(found) == pytest.approx(energies)
    cooler = label.answers(members, weighs, {"temperature": 0.5})["logits"]
    assert energy(cooler) == pytest.approx(energies)
    assert (softmax(cooler, 1.0).max(axis=1) >= chances.max(axis=1) - 1e-12).all()


def test_the_mean_of_calibrated_models_is_made_less_modest() -> None:
    """Two views of one truth, each of which is right as often as it says: their mean is right more often."""
    random = np.random.default_rng(1)
    target = random.integers(0, 2, ROWS)
    signs = 2.0 * np.eye(2)[target]
    members = []
    for _ in range(3):
        logits = signs + random.normal(size=(ROWS, 2)) * np.sqrt(2)
        members.append({"logits": logits})
    weighs = np.full(3, 1 / 3)
    known = label.constants(members, weighs, target)
    assert known["temperature"] < 0.8
    facts = {"classes": ["a", "b"]}

    def loss(outputs: dict[str, np.ndarray]) -> float:
        sums = np.asarray(scores.statistics(outputs, target, facts).sum(axis=0))
        return float(scores.metrics(sums, facts)["log_loss"])

    assert loss(label.answers(members, weighs, known)) < loss(label.answers(members, weighs, {"temperature": 1.0}))


def test_weights_of_numbers_have_the_least_squared_error() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=ROWS) * 50 + 1000
    members = [{"value": truth + random.normal(size=ROWS) * noise} for noise in (1.0, 2.0, 4.0)]
    best = np.array([1, 1 / 4, 1 / 16]) / (1 + 1 / 4 + 1 / 16)  # inverse variances
    found = number.weights(members, truth)
    assert found == pytest.approx(best, abs=0.03)
    known = number.constants(members, found, truth)
    said = number.answers(members, found, known)
    assert ((said["low"] <= truth) & (truth <= said["high"])).mean() == pytest.approx(0.9, abs=0.002)
    assert said["value"] == pytest.approx(sum(w * each["value"] for w, each in zip(found, members, strict=True)))


def test_a_set_of_labels_has_the_mean_of_each_probability_and_thresholds_of_its_own() -> None:
    random = np.random.default_rng(0)
    members = [{"logits": random.normal(size=(ROWS, 3)) * 2} for _ in range(3)]
    chances = [1 / (1 + np.exp(-each["logits"])) for each in members]
    taken = np.where(np.arange(ROWS)[:, None] % 4 == 0, chances[1], chances[0])
    target = (random.random((ROWS, 3)) < taken).astype(np.float32)
    found = labels.weights(members, target)
    assert found == pytest.approx([0.75, 0.25, 0], abs=0.04)
    weighs = np.array([0.6, 0.4, 0.0])
    said = labels.answers(members, weighs, {})
    assert 1 / (1 + np.exp(-said["logits"])) == pytest.approx(0.6 * chances[0] + 0.4 * chances[1])
    told = labels.told({"classes": ["a", "b", "c"], "thresholds": [0.9] * 3}, said, target)
    assert all(0.1 < each < 0.6 for each in told["thresholds"])
    assert told["classes"] == ["a", "b", "c"]


def test_what_it_is_compared_by_was_not_told_by_the_same_rows() -> None:
    """Members that know one half of the groups by heart, and nothing of the other."""
    random = np.random.default_rng(0)
    groups, target = np.arange(400), random.integers(0, 2, 400)
    sure = np.eye(2)[target] * 10
    wrong = np.eye(2)[1 - target] * 10
    members = [{"logits": np.where((groups % 2 == half)[:, None], sure, wrong)} for half in (0, 1)]
    fitted = label.answers(members, np.array([0.5, 0.5]), {"temperature": 1.0})["logits"]
    facts = {"classes": ["a", "b"]}

    def crossed_by(groups: np.ndarray, stacked: bool) -> np.ndarray:
        found = comparison.crossed(label, scores, members, target, facts, facts, groups, stacked)
        return found["probabilities"]

    crossed = crossed_by(groups, stacked=True)
    assert (crossed.argmax(axis=1) == target).mean() == 0  # each half told to trust who is wrong on the other
    assert fitted.shape == crossed.shape
    assert crossed_by(np.zeros(400), stacked=False).shape == crossed.shape
