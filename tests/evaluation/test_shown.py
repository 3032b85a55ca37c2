"""What the tasks with sets of labels and with numbers show of a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.evaluation import intervals
from chainrule.evaluation.figures import beside, curves, labels, number
from chainrule.evaluation.report import Mistake, to_html
from chainrule.evaluation.scores import labels as label_scores
from chainrule.evaluation.scores import number as number_scores

Case = tuple[Any, Any, dict[str, np.ndarray], np.ndarray, dict[str, Any]]


def sets(rows: int = 200, classes: int = 40) -> Case:
    random = np.random.default_rng(0)
    target = (random.random((rows, classes)) < 0.2).astype(np.float32)
    outputs = {"logits": random.normal(size=target.shape) + 3 * target - 1.5}
    names = [f"评价 {place}" if place % 2 else f"<b>{place}</b>" for place in range(classes)]
    return label_scores, labels, outputs, target, {"classes": names, "thresholds": [0.5] * classes}


def numbers(rows: int = 200) -> Case:
    random = np.random.default_rng(0)
    target = 1000 + 50 * random.normal(size=rows)
    return number_scores, number, {"value": target + random.normal(size=rows)}, target, {"mean": 1000.0, "std": 50.0}


def page(case: Case, folder: Path) -> str:
    measure, shown, outputs, target, facts = case
    scores = intervals.scores(measure, outputs, target, facts, groups=None, resamples=10, seed=0)
    known = {score.name: score for score in measure.SCORES}
    beside.scores_beside_floors([known[name] for name in shown.BESIDE], scores, {"floor": scores}, folder / "s.png")
    for picture in shown.pictures(outputs, target, facts):
        picture.draw(folder / f"{picture.name}.png")
    worst = shown.worst(outputs, target, facts, 3)
    mistakes = [Mistake(f"row {wrong.row}", ["first", "second"], wrong) for wrong in worst.rows]
    tables = shown.tables(outputs, target, facts, scores)
    return to_html(
        "r", measure, scores, {"floor": scores}, {}, [], tables, worst, mistakes, shown.notes(scores),
        shown.warnings(scores),
    )  # fmt: skip


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("case", [sets(), sets(classes=2), numbers(), numbers(5000)])
def test_pictures_are_drawn_in_a_window_and_the_same_numbers_give_the_same_bytes(case: Case, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        page(case, tmp_path / name)
    first = sorted((tmp_path / "one").iterdir())
    assert len(first) == 3
    for path in first:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        with Image.open(path) as image:
            assert 300 < image.width <= 900


def test_a_page_of_sets_of_labels_shows_every_label_and_the_rows_with_wrong_sets(tmp_path: Path) -> None:
    html = page(sets(), tmp_path)
    assert "Macro F1 on the test rows" in html and "<h2>Labels</h2>" in html and "average precision" in html
    assert "&lt;b&gt;0&lt;/b&gt;" in html and "<b>0</b>" not in html
    assert html.count("<blockquote") == 6, "both inputs of three rows"


def test_a_page_of_numbers_says_the_error_in_the_unit_and_which_way_is_better(tmp_path: Path) -> None:
    html = page(numbers(), tmp_path)
    assert "Mean absolute error on the test rows in the target's unit; less is better" in html.replace("&#x27;", "'")
    assert "Not clearly better than its floor: mean absolute error 0.8" in html
    assert "Root mean squared error <small>lower is better</small>" in html and "<h2>Furthest off</h2>" in html


def test_wrong_sets_come_with_the_surest_first_and_right_ones_not_at_all() -> None:
    target = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    outputs = {"probabilities": np.array([[0.9, 0.1], [0.6, 0.7], [0.99, 0.9]])}
    facts = {"classes": ["a", "b"]}
    found = [(wrong.row, wrong.said, wrong.truth) for wrong in labels.worst(outputs, target, facts, 5).rows]
    assert found == [(2, "a, b", "b"), (1, "a, b", "a")]


def test_numbers_furthest_off_come_first() -> None:
    outputs, target = {"value": np.array([1.0, 5.0, 3.0])}, np.array([1.0, 2.0, 4.0])
    rows = number.worst(outputs, target, {"mean": 2.0, "std": 1.0}, 5).rows
    assert [(wrong.row, wrong.detail) for wrong in rows] == [(1, "+3"), (2, "-1")]


def test_learning_curves_of_a_number_show_its_error(tmp_path: Path) -> None:
    history = [
        {
            "phase": "finetune", "epoch": place, "train_loss": 1.0, "validation_loss": 1 / place, "best": True,
            "validation_mean_absolute_error": 30 / place, "learning_rate": 0.1,
        }
        for place in (1, 2)
    ]  # fmt: skip
    curves.learning_curves(history, number_scores.PRIMARY, tmp_path / "curves.png")
    curves.learning_curves(history[:1], label_scores.PRIMARY, tmp_path / "none.png")
    assert (tmp_path / "curves.png").read_bytes() != (tmp_path / "none.png").read_bytes()
