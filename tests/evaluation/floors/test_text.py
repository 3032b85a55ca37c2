import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.evaluation.floors import label, text

NAMES = {"majority_class", "naive_bayes", "tfidf_logistic_regression"}


def floors(
    train: Any, labels: np.ndarray, test: Any, classes: int, seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The probabilities of each floor of one label."""
    facts = {"classes": [str(number) for number in range(classes)]}
    found = label.floors(text, [train], labels, [test], facts, seed, groups)
    return {name: outputs["probabilities"] for name, outputs in found.items()}


def reviews(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    words = (("dull", "flat", "grim"), ("warm", "bright", "fine"))
    texts = [f"a {random.choice(words[label])} film about {random.choice(['love', 'war', 'rain'])}" for label in labels]
    return texts, labels


def test_floors_learn_what_words_say_and_give_probabilities() -> None:
    train, train_labels = reviews(120, 0)
    test, test_labels = reviews(40, 1)
    found = floors(train, train_labels, test, 2, 0)
    assert found.keys() == NAMES
    for probabilities in found.values():
        assert probabilities.shape == (40, 2)
        assert probabilities.sum(axis=1) == pytest.approx(1)
    for name in NAMES - {"majority_class"}:
        assert (found[name].argmax(axis=1) == test_labels).mean() == 1


def test_word_order_within_two_words_counts() -> None:
    train = ["not good", "good not"] * 20
    found = floors(train, np.arange(40) % 2, ["not good", "good not"], 2, 0)
    for name in NAMES - {"majority_class"}:
        assert found[name].argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("words", [("US", "us"), ("कि", "की"), ("má", "mạ"), ("前台很好，", "前台很差，")])
def test_case_and_marks_and_letters_between_no_blanks_count(words: tuple[str, str]) -> None:
    found = floors(
        [f"{word}店{number}" for number in range(20) for word in words], np.arange(40) % 2, list(words), 2, 0
    )
    for name in NAMES - {"majority_class"}:
        assert found[name].argmax(axis=1).tolist() == [0, 1]


def test_majority_class_gives_the_training_frequencies() -> None:
    found = floors(["a", "b", "c", "d"], np.array([1, 1, 1, 0]), ["x"], 3, 0)
    assert found["majority_class"].tolist() == [[0.25, 0.75, 0.0]]
    assert all(probabilities[0, 2] == 0 for probabilities in found.values())


def test_a_single_class_and_a_handful_of_rows_still_have_floors() -> None:
    assert floors(["a", "b"], np.array([1, 1]), ["a"], 2, 0)["naive_bayes"].tolist() == [[0, 1]]
    assert floors(["bad", "good"], np.array([0, 1]), ["good"], 2, 0)["naive_bayes"].argmax() == 1


def test_same_seed_same_floors_and_groups_may_be_given() -> None:
    train, labels = reviews(60, 0)
    groups = np.array([f"g{number // 3}" for number in range(60)])
    first, second = (floors(train, labels, train[:5], 2, 3, groups) for _ in range(2))
    for name in NAMES:
        assert np.array_equal(first[name], second[name])


def test_texts_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        floors(["a"], np.array([0, 1]), ["a"], 2, 0)


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_sst2_floors_reach_the_published_linear_accuracy() -> None:
    parts = {}
    for part in ("train", "test"):
        lines = (Path(os.environ["CHAINRULE_REAL_DATA"]) / "sst2" / f"{part}.tsv").read_text("utf-8").splitlines()
        pairs = [line.rsplit("\t", 1) for line in lines]
        parts[part] = [text for text, _ in pairs], np.array([int(label) for _, label in pairs])
    found = floors(*parts["train"], parts["test"][0], 2, 0)
    accuracy = {name: (found[name].argmax(axis=1) == parts["test"][1]).mean() for name in NAMES}
    assert accuracy["naive_bayes"] > 0.815
    assert accuracy["tfidf_logistic_regression"] > 0.81


def test_of_pairs_the_words_of_each_count_and_those_in_both() -> None:
    random = np.random.default_rng(0)
    first = [f"a {word}" for word in random.choice(["cat", "dog", "cow", "hen", "owl"], 300)]
    second = [f"one {word}" for word in random.choice(["cat", "dog", "cow", "hen", "owl"], 300)]
    same = np.array([one.split()[1] == other.split()[1] for one, other in zip(first, second, strict=True)]).astype(int)
    train, test = [first[:200], second[:200]], [first[200:], second[200:]]
    found = label.floors(text, train, same[:200], test, {"classes": ["other", "same"]}, 0)
    linear = found["tfidf_logistic_regression"]["probabilities"].argmax(axis=1)
    assert (linear == same[200:]).mean() == 1
