"""Floors of sets of labels and of numbers, on the features of images and of texts."""

from typing import Any

import numpy as np
import pytest

from chainrule.evaluation import intervals
from chainrule.evaluation.floors import image, labels, number, text
from chainrule.evaluation.scores import labels as label_scores
from chainrule.evaluation.scores import number as number_scores

COLOURS = ("blue", "green", "red")


def texts(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts that name some colours, and which: float32 [N, 3]."""
    random = np.random.default_rng(seed)
    target = (random.random((rows, 3)) < (0.5, 0.3, 0.1)).astype(np.float32)
    said = [" and ".join(np.array(COLOURS)[row.astype(bool)]) or "nothing" for row in target]
    return [f"I see {words} {random.choice(['today', 'here'])}" for words in said], target


def grey(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with one bright column of the eight, and how far right it is."""
    random = np.random.default_rng(seed)
    target = random.integers(0, 8, rows)
    images = random.integers(0, 100, (rows, 8, 8, 1)).astype(np.uint8)
    images[np.arange(rows), :, target] += 120
    return images, target.astype(np.float32)


def scored(measure: Any, outputs: Any, target: np.ndarray, facts: dict[str, Any]) -> float:
    found = intervals.scores(measure, outputs, target, facts, groups=None, resamples=5, seed=0)
    value: float = found[measure.PRIMARY.name]["value"]
    return value


@pytest.mark.parametrize("groups", [None, np.arange(200) // 2])
def test_a_linear_model_per_label_learns_what_words_say(groups: np.ndarray | None) -> None:
    (train, target), (test, truth) = texts(200, 0), texts(60, 1)
    facts = {"classes": list(COLOURS)}
    found = labels.floors(text, [train], target, [test], facts, 0, groups)
    assert list(found) == ["class_frequencies", "tfidf_logistic_regression"]
    guess = 2 * truth.mean(axis=0) / (1 + truth.mean(axis=0))  # F1 of giving every label to every row
    assert scored(label_scores, found["class_frequencies"], truth, facts) == pytest.approx(guess.mean(), abs=1e-6)
    assert scored(label_scores, found["tfidf_logistic_regression"], truth, facts) > 0.98


def test_a_label_that_no_training_row_has_is_never_given() -> None:
    train, target = texts(60, 0)
    target[:, 2] = 0
    for outputs in labels.floors(text, [train], target, [train], {"classes": list(COLOURS)}, 0).values():
        assert not outputs["chosen"][:, 2].any() and (outputs["probabilities"][:, 2] < 0.1).all()


def test_a_ridge_regression_learns_from_pixels_and_beats_mean_and_median() -> None:
    (train, target), (test, truth) = grey(200, 0), grey(50, 1)
    facts = {"mean": float(target.mean()), "std": float(target.std())}
    found = number.floors(image, [train], target, [test], facts, 0)
    assert list(found) == ["mean", "median", "ridge_regression"]
    assert set(found["median"]["value"]) == {np.median(target)}
    errors = {name: scored(number_scores, outputs, truth, facts) for name, outputs in found.items()}
    assert errors["ridge_regression"] < 0.3 * min(errors["mean"], errors["median"])


def test_same_seed_same_floors_and_rows_that_do_not_fit_are_refused() -> None:
    words, target = texts(60, 0)
    lengths = np.array([len(each) for each in words], np.float32)
    first, second = (number.floors(text, [words], lengths, [words], {}, 3) for _ in range(2))
    assert np.array_equal(first["tfidf_ridge_regression"]["value"], second["tfidf_ridge_regression"]["value"])
    with pytest.raises(ValueError, match="numbers"):
        number.floors(text, [words], lengths[:3], [words], {}, 0)
    with pytest.raises(ValueError, match="sets of labels"):
        labels.floors(text, [words], target[:3], [words], {"classes": list(COLOURS)}, 0)
