"""Mistakes of boxes by kind, by hand, and the floors that say the same of every image."""

import numpy as np

from chainrule.evaluation.floors import boxes as floors
from chainrule.evaluation.mistakes import boxes as mistakes
from chainrule.fields import suppression
from chainrule.fields.suppression import Found

FACTS = {"classes": ["cell", "dot"], "threshold": 0.3}
TRUE = np.array(
    [[0.1, 0.1, 0.3, 0.3, 0, 0], [0.6, 0.1, 0.8, 0.3, 1, 0], [0.1, 0.6, 0.3, 0.8, 0, 0], [0.6, 0.6, 0.8, 0.8, 0, 0],
     [0.4, 0.4, 0.5, 0.5, 0, 1], [0, 0, 0, 0, -1, 0]], np.float32,
)  # fmt: skip
SAID = [
    ((0.1, 0.1, 0.3, 0.3), 0, 0.9, None),
    ((0.11, 0.1, 0.31, 0.3), 0, 0.8, "duplicate"),
    ((0.6, 0.1, 0.8, 0.3), 0, 0.7, "class"),
    ((0.18, 0.6, 0.38, 0.8), 0, 0.6, "localisation"),
    ((0.68, 0.1, 0.88, 0.3), 0, 0.55, "both"),
    ((0.9, 0.9, 1.0, 1.0), 1, 0.5, "background"),
    ((0.4, 0.4, 0.5, 0.5), 0, 0.45, None),  # difficult: neither right nor wrong
    ((0.6, 0.6, 0.8, 0.8), 0, 0.2, None),  # below the line, so that the box is missed
]


def outputs() -> dict[str, np.ndarray]:
    boxes, labels, scores, _ = zip(*SAID, strict=True)
    return suppression.told([Found(np.array(boxes), np.array(labels), np.array(scores)), suppression.NOTHING])


def test_each_box_in_vain_has_its_kind_and_what_is_missed_is_told() -> None:
    target = np.stack([TRUE, np.full_like(TRUE, -1)])
    first, second = mistakes.rows(outputs(), target, FACTS)
    assert {error.said: error.kind for error in first.errors if error.said >= 0} == {
        place: kind for place, (*_, kind) in enumerate(SAID) if kind
    }
    assert [error.true for error in first.errors if error.kind == "missed"] == [3]
    assert first.right == 1 and not second.errors
    assert mistakes.bad(outputs(), target, FACTS).tolist() == [1 - 2 / (2 + 5 + 3), 0]
    words = [words for words, _ in mistakes.confused(outputs(), target, FACTS)]
    assert sorted(words) == sorted(
        [
            "cell twice",
            "dot taken for cell",
            "cell in another place",
            "dot taken for cell, in another place",
            "dot where nothing is",
            "cell missed",
        ]
    )


def test_what_is_shown_of_a_row_is_drawn_with_what_is_true() -> None:
    target = np.stack([TRUE, np.full_like(TRUE, -1)])
    worst, vain, missed = mistakes.sheets(outputs(), target, FACTS, 5)
    assert [sheet.rows[0].row for sheet in (worst, vain, missed)] == [0, 0, 0] and len(worst.rows) == 1
    kinds = [outline.kind for outline in worst.rows[0].outlines]
    assert {kind: kinds.count(kind) for kind in kinds} == {"true": 4, "missed": 1, "right": 2, "wrong": 5}
    assert worst.rows[0].truth == "4 cell, 1 dot"


def test_floors_say_the_usual_boxes_of_every_image() -> None:
    target = np.stack([TRUE, TRUE, np.full_like(TRUE, -1)])
    images = np.zeros((3, 8, 8, 1), np.uint8)
    found = floors.floors(None, [images], target, [images[:2]], FACTS, 0)
    assert list(found) == ["mean_box", "usual_boxes"]
    for said in found.values():
        first, second = suppression.said(said, FACTS)
        assert (first.boxes == second.boxes).all() and set(first.labels.tolist()) == {0, 1}
        assert first.scores.max() == np.float64(2 / 3)
    (mean,) = (own for own in suppression.said(found["mean_box"], FACTS)[:1])
    assert np.allclose(mean.boxes[mean.labels == 1], [[0.6, 0.1, 0.8, 0.3]])
    usual = suppression.said(found["usual_boxes"], FACTS)[0]
    assert len(usual.labels) == 4
