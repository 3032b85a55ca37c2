"""Scores of answers: the rules of SQuAD's own script, characters of Chinese, sums over rows."""

import re
import string
from collections import Counter

import numpy as np
import pytest

from chainrule.evaluation import primary
from chainrule.evaluation.intervals import scores
from chainrule.evaluation.scores import answer
from chainrule.fields import answer as field

FACTS = {"longest": 20, "none": 0.3}


def official(prediction: str, truth: str) -> tuple[float, float]:
    """Exact match and F1 as SQuAD's script has them, for ASCII."""

    def plain(text: str) -> str:
        bare = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())

    ours, theirs = plain(prediction).split(), plain(truth).split()
    same = sum((Counter(ours) & Counter(theirs)).values())
    exact = float(plain(prediction) == plain(truth))
    if not ours or not theirs:
        return exact, float(ours == theirs)
    if not same:
        return exact, 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return exact, 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("said", "true"),
    [
        ("the Denver Broncos", "Denver Broncos"),
        ("Denver", "The Denver Broncos."),
        ("$5.5 million", "5.5 million dollars"),
        ("well-known man", "well known man"),
        ("a an the", "the"),
        ("the", "Rome"),
        ("Rome Rome", "Rome"),
        ("theatre", "the theatre"),
    ],
)
def test_english_is_scored_as_by_the_official_script(said: str, true: str) -> None:
    assert answer.score(said, [true]) == pytest.approx(official(said, true))


def test_of_several_right_answers_the_best_counts() -> None:
    assert answer.score("blue car", ["red", "a blue car", "blue"]) == (1.0, 1.0)
    assert answer.score("blue car", ["red", "blue"]) == (0.0, pytest.approx(2 / 3))


def test_no_answer_is_right_only_where_there_is_none() -> None:
    assert answer.score("", []) == (1.0, 1.0)
    assert answer.score("Rome", []) == answer.score("", ["Rome"]) == (0.0, 0.0)


def test_chinese_is_scored_by_characters_and_any_punctuation_is_left_out() -> None:
    assert answer.score("北京大学", ["北京"]) == (0.0, pytest.approx(2 * 2 / 6))
    assert answer.score("“北京”。", ["北京"]) == (1.0, 1.0)
    assert answer.score("2008年", ["2008 年"])[1] == 1.0


def rows() -> tuple[dict[str, np.ndarray], np.ndarray]:
    values = [
        '[{"text": "red car", "start": 3}]',
        "[]",
        '[{"text": "Rome", "start": 0}]',
        '[{"text": "a", "start": 1}]',
    ]
    return {"said": answer.written(["red", "", "", None])}, field.encode(values, FACTS)


def test_metrics_are_those_of_the_rows() -> None:
    outputs, target = rows()
    found = scores(answer, outputs, target, FACTS, groups=None, resamples=20, seed=0)
    assert found["f1"]["value"] == pytest.approx((2 / 3 + 1 + 0 + 0) / 4, abs=1e-6)
    assert found["exact_match"]["value"] == 0.25
    assert found["f1_of_answered"]["value"] == pytest.approx(2 / 9, abs=1e-6)
    assert found["none_found"]["value"] == 1.0
    only = {name: array[:1] for name, array in outputs.items()}
    assert np.isnan(answer.metrics(answer.statistics(only, target[:1], FACTS).sum(axis=0), FACTS)["none_found"])
    assert primary.value(answer, only, target[:1], FACTS) == pytest.approx(2 / 3)


def test_no_answer_agrees_with_nothing() -> None:
    ours, theirs = {"said": answer.written(["red", "", None])}, {"said": answer.written(["red", "blue", None])}
    assert answer.agree(ours, theirs, FACTS).tolist() == [True, False, False]
