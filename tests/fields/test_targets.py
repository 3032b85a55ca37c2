"""What targets are: a label, a set of labels, a number."""

import numpy as np
import pytest

from chainrule.fields import label, labels, number
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError


def test_labels_become_numbers_of_sorted_classes_and_back() -> None:
    facts = label.fit(["dog", "cat", "dog"])
    assert facts == {"classes": ["cat", "dog"]}
    encoded = label.encode(["dog", "cat"], facts)
    assert (encoded.dtype, encoded.tolist()) == (np.int64, [1, 0])
    assert label.decode(encoded, facts) == ["dog", "cat"]


def test_a_label_that_no_class_has_is_named() -> None:
    with pytest.raises(DataError, match="label 'cow' is none of cat, dog: "):
        label.encode(["dog", "cow"], {"classes": ["cat", "dog"]})


def test_a_set_is_the_same_text_in_any_order() -> None:
    assert labels.normalise('["b", "a"]') == labels.normalise('["a", "b"]') == ('["a", "b"]', [])
    assert labels.normalise('["b", "a", "b"]') == ('["a", "b"]', ["repeated_label"])
    assert labels.normalise("[]") == ("[]", [])
    assert not labels.absent("[]")


@pytest.mark.parametrize("raw", ["a, b", '"a"', "[1]", '{"a": 1}', '["a", " "]'])
def test_what_is_no_list_of_names_is_rejected(raw: str) -> None:
    with pytest.raises(Reject, match="unreadable_labels: "):
        labels.normalise(raw)


def test_sets_become_a_row_of_zeros_and_ones_and_back() -> None:
    values = ['["a", "c"]', "[]", '["b"]']
    facts = labels.fit(values)
    assert facts == {"classes": ["a", "b", "c"]}
    encoded = labels.encode(values, facts)
    assert (encoded.dtype, encoded.tolist()) == (np.float32, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert labels.decode(encoded, facts) == values
    with pytest.raises(DataError, match="label 'd' is none of a, b, c: "):
        labels.encode(['["a", "d"]'], facts)


def test_the_stratum_of_a_set_is_its_rarest_label() -> None:
    assert labels.strata(['["a", "b"]', '["a"]', '["a", "c"]', '["c"]', "[]"]) == ["b", "a", "c", "c", "(none)"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (['["drama;war"]', '["drama"]'], ["'drama;war' is one label that holds ';'; if labels stand between"]),
        (['["a|b"]', '["b|c", "d"]'], ["'a|b' is one label that holds '|', as do 1 more; if labels"]),
        (['["Paris, France"]', '["Rome, Italy"]', '["AC;DC"]'], []),
        (['["drama"]', '["war"]'], []),
    ],
)
def test_labels_that_another_separator_would_part_are_named(sets: list[str], said: list[str]) -> None:
    found = labels.warnings(sets)
    assert len(found) == len(said)
    assert all(warning.startswith(start) for warning, start in zip(found, said, strict=True))
    assert all("set separator: " in warning for warning in found)


def test_two_labels_or_sets_contradict_and_two_numbers_do_not() -> None:
    assert label.contradictory(["a", "b"]) and not label.contradictory(["a", "a"])
    assert labels.contradictory(['["a"]', '["a", "b"]']) and not labels.contradictory(['["a"]', '["a"]'])
    assert not number.contradictory([1.0, 2.0])


@pytest.mark.parametrize(("raw", "value"), [(" 3.5 ", 3.5), ("-2", -2.0), ("1e3", 1000.0), (".5", 0.5), ("−4", -4.0)])
def test_numbers_are_read(raw: str, value: float) -> None:
    assert number.normalise(raw) == (value, [])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("3,5", "decimal_comma"),
        ("1,234", "decimal_comma"),
        ("1.234,5", "decimal_comma"),
        ("inf", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e400", "not_finite"),
        ("1e39", "not_finite"),
        ("nan", "not_a_number"),
        ("twelve", "not_a_number"),
        ("0x1f", "not_a_number"),
        ("1_000", "not_a_number"),
        ("5 kg", "not_a_number"),
    ],
)
def test_what_is_no_number_is_rejected_with_its_reason(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        number.normalise(raw)
    assert caught.value.reason == reason


def test_numbers_stay_in_their_unit() -> None:
    facts = number.fit([1.0, 3.0])
    assert facts == {"mean": 2.0, "std": 1.0}
    assert number.fit([5.0, 5.0]) == {"mean": 5.0, "std": 1.0}
    encoded = number.encode([1.5, -2.0], facts)
    assert (encoded.dtype, encoded.tolist()) == (np.float32, [1.5, -2.0])
    assert number.decode(encoded, facts) == [1.5, -2.0]


def test_the_strata_of_numbers_are_fifths() -> None:
    strata = number.strata([float(value) for value in range(11)])
    assert strata == ["0 to 2"] * 2 + ["2 to 4"] * 2 + ["4 to 6"] * 2 + ["6 to 8"] * 2 + ["8 to 10"] * 3
    assert number.strata([7.0, 7.0]) == ["7", "7"]
    assert number.strata([]) == []


def test_what_cannot_be_learnt_is_said() -> None:
    assert label.unlearnable(["a", "a"]) == "only of class a, and a classifier needs two classes"
    assert labels.unlearnable(['["a"]', '["a"]']).startswith("all of a, ")
    assert number.unlearnable([2.0, 2.0]).startswith("all of 2, ")
    assert not label.unlearnable(["a", "b"]) and not labels.unlearnable(["[]", '["a"]'])
    assert not number.unlearnable([1.0, 2.0])
    for kind in (label, labels, number):
        assert kind.unlearnable([]).startswith("none, ")


def test_what_a_model_answers_is_compared_as_its_targets_are() -> None:
    facts = {"classes": ["a", "b", "c"]}
    logits = {"logits": np.array([[0.0, 2.0, -9.0], [3.0, 3.0, -9.0]], np.float32)}
    said, sure = label.answered(logits, facts)
    assert said == ["b", "a"]
    np.testing.assert_allclose(sure["confidence"], [1 / (1 + np.exp(-2)), 0.5], atol=1e-4)
    assert label.compared(said, facts)[0] == ["b", "a"]
    sets, _ = labels.answered(logits, facts)
    assert sets == ['["a", "b"]', '["a", "b"]']
    assert labels.answered(logits, facts | {"thresholds": [0.9, 0.5, 0.5]})[0] == ['["b"]', '["a", "b"]']
    names, measured = labels.compared(['["a", "new"]', "[]"], facts)
    assert names is None and measured.numbers["how many"].tolist() == [2, 0]
    assert measured.vectors[""].tolist() == [[1, 0, 0], [0, 0, 0]]
    assert number.answered({"value": np.array([[1.5], [2.0]], np.float32)}, {})[0] == [1.5, 2.0]
    assert number.compared([1.5, 2.0], {})[1].numbers[""].tolist() == [1.5, 2.0]
