"""Which rows come first is known where the answers are."""

import numpy as np
import pytest

from chainrule.evaluation.mistakes import label, labels, number

CLASSES = {"classes": ["a", "b", "c"]}
CHANCES = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4], [0.34, 0.33, 0.33], [0.0, 0.05, 0.95]])
TARGET = np.array([0, 0, 2, 0, 1])


def rows(sheets: list, title: str) -> list[int]:
    (found,) = (sheet for sheet in sheets if sheet.title == title)
    return [wrong.row for wrong in found.rows]


def test_of_one_label_the_sure_the_unlikely_and_the_close_ones_come_first() -> None:
    outputs = {"probabilities": CHANCES}
    assert label.bad(outputs, TARGET, CLASSES).tolist() == [0, 1, 1, 0, 1]
    sheets = label.sheets(outputs, TARGET, CLASSES, 3)
    assert rows(sheets, "Most confident mistakes") == [4, 1, 2]
    assert rows(sheets, "Worst by loss") == [4, 1, 2]
    assert rows(sheets, "Near the border") == [3, 2, 1]
    first = sheets[0].rows[0]
    assert (first.said, first.detail, first.truth) == ("c", "95.0%", "b")
    assert [(title, places.tolist()) for title, places in label.confused(outputs, TARGET, CLASSES)] == [
        ("a taken for b", [1]),
        ("b taken for c", [4]),
        ("c taken for a", [2]),
    ]


def test_of_two_classes_loss_and_confidence_are_one_sheet() -> None:
    outputs = {"probabilities": np.array([[0.9, 0.1], [0.4, 0.6]])}
    sheets = label.sheets(outputs, np.array([1, 0]), {"classes": ["a", "b"]}, 5)
    assert [sheet.title for sheet in sheets] == ["Most confident mistakes", "Near the border"]


def test_of_a_set_what_is_missed_and_what_is_given_in_vain_are_told_apart() -> None:
    outputs = {"probabilities": np.array([[0.9, 0.2, 0.1], [0.6, 0.7, 0.1], [0.1, 0.1, 0.45]])}
    target = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    assert labels.bad(outputs, target, CLASSES).tolist() == [0, 1, 0]
    sheets = labels.sheets(outputs, target, CLASSES, 2)
    assert rows(sheets, "Most confident mistakes") == [1]
    assert sheets[0].rows[0].detail == "c: 10.0%"
    assert (sheets[0].rows[0].said, sheets[0].rows[0].truth) == ("a, b", "b, c")
    assert rows(sheets, "Near the border") == [2, 1]
    found = [(title, places.tolist()) for title, places in labels.confused(outputs, target, CLASSES)]
    assert found == [("a given in vain", [1]), ("c missed", [1])]


def test_of_a_number_too_high_and_too_low_are_told_apart() -> None:
    facts = {"mean": 0.0, "std": 1.0}
    outputs, target = {"value": np.array([1.0, 5.0, 2.0, 0.0])}, np.array([1.0, 2.0, 6.0, 0.5])
    assert number.bad(outputs, target, facts) == pytest.approx([0, 3, 4, 0.5])
    sheets = number.sheets(outputs, target, facts, 8)
    assert rows(sheets, "Furthest above the truth") == [1]
    assert rows(sheets, "Furthest below the truth") == [2, 3]
    assert sheets[1].rows[0].detail == "-4"
    assert number.confused(outputs, target, facts) == []
