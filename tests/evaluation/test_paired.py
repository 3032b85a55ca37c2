import numpy as np
import pytest

from chainrule.evaluation.paired import paired_comparison
from chainrule.evaluation.scores import label


def compared(
    labels: np.ndarray, challenger: np.ndarray, champion: np.ndarray, groups: np.ndarray | None = None
) -> dict:
    ours, theirs = ({"probabilities": np.eye(3)[answers]} for answers in (challenger, champion))
    classes = {"classes": ["a", "b", "c"]}
    return paired_comparison(label, ours, theirs, labels, classes, groups=groups, resamples=500, seed=0)


def test_counts_difference_and_exact_p_by_hand() -> None:
    labels = np.zeros(10, np.int64)
    challenger = np.array([0] * 8 + [1, 1])
    champion = np.array([1] * 5 + [0] * 4 + [1])
    result = compared(labels, challenger, champion)
    assert (result["only_challenger_right"], result["only_champion_right"]) == (5, 1)
    assert result["difference"]["value"] == pytest.approx(0.4)
    assert result["mcnemar_p"] == pytest.approx(2 * (1 + 6) / 2**6)


def test_a_model_against_itself_differs_by_nothing() -> None:
    labels = np.arange(10) % 2
    result = compared(labels, labels, labels)
    assert result["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert result["mcnemar_p"] == 1.0


def test_swapping_the_models_mirrors_the_interval() -> None:
    random = np.random.default_rng(0)
    labels, ours, theirs = random.integers(0, 2, (3, 200))
    there, back = compared(labels, ours, theirs), compared(labels, theirs, ours)
    assert back["difference"]["low"] == pytest.approx(-there["difference"]["high"], abs=2e-6)
    assert back["mcnemar_p"] == there["mcnemar_p"]


def test_pairing_narrows_the_interval_where_models_agree() -> None:
    random = np.random.default_rng(0)
    labels = np.zeros(500, np.int64)
    champion = (random.random(500) < 0.3).astype(np.int64)
    challenger = champion.copy()
    challenger[np.flatnonzero(champion)[:10]] = 0
    difference = compared(labels, challenger, champion)["difference"]
    assert difference["low"] > 0 and difference["high"] - difference["low"] < 0.03


def test_groups_widen_the_interval_of_rows_that_go_together() -> None:
    random = np.random.default_rng(0)
    labels = np.zeros(400, np.int64)
    challenger, champion = (np.repeat(random.integers(0, 2, 40), 10) for _ in range(2))

    def width(groups: np.ndarray | None) -> float:
        difference = compared(labels, challenger, champion, groups)["difference"]
        return difference["high"] - difference["low"]

    assert width(np.repeat(np.arange(40), 10)) > 2 * width(None)


def test_predictions_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="are not"):
        compared(np.zeros(3, np.int64), np.zeros(2, np.int64), np.zeros(3, np.int64))
