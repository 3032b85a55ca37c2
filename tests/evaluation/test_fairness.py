import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.evaluation import fairness, page
from chainrule.evaluation.figures.by_group import by_group
from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.scores import label, number

FACTS = {"classes": ["no", "yes"]}


def answers(right: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Answers of which those are right that are said to be, and what is true."""
    target = np.arange(len(right)) % 2
    said = np.where(right, target, 1 - target)
    return {"probabilities": np.where(np.arange(2) == said[:, None], 0.9, 0.1)}, target


def scored(names: list[str], right: np.ndarray, groups: Any = None) -> dict[str, Any]:
    outputs, target = answers(right)
    return fairness.scores(names, label, outputs, target, FACTS, groups=groups, resamples=400, seed=1)


def half(right: float, other: float, rows: int = 1000) -> tuple[list[str], np.ndarray]:
    """Two groups with these accuracies."""
    names = ["east"] * rows + ["west"] * rows
    return names, np.concatenate([np.arange(rows) < right * rows, np.arange(rows) < other * rows])


def test_each_group_has_its_own_scores_and_the_gap_is_their_difference() -> None:
    found = scored(*half(0.9, 0.6))
    assert found["groups"]["east"]["accuracy"]["value"] == 0.9
    assert found["groups"]["west"]["accuracy"]["value"] == 0.6
    gap = found["gaps"]["accuracy"]
    assert (gap["value"], gap["best"], gap["worst"]) == (0.3, "east", "west")
    # The standard error of the difference is 0.0182.
    assert gap["low"] == pytest.approx(0.3 - 1.96 * 0.0182, abs=0.008)
    assert gap["high"] == pytest.approx(0.3 + 1.96 * 0.0182, abs=0.008)
    assert found["small"] == []


def test_of_a_metric_of_which_less_is_better_the_best_group_has_the_least() -> None:
    gap = scored(*half(0.9, 0.6))["gaps"]["log_loss"]
    assert (gap["best"], gap["worst"]) == ("east", "west") and 0 < gap["low"] < gap["value"] < gap["high"]


def test_the_interval_of_a_gap_that_is_chance_holds_zero() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(20):
        gap = scored(["a", "b"] * 200, rng.random(400) < 0.8)["gaps"]["accuracy"]
        held += gap["low"] <= 0 <= gap["high"]
    assert held >= 17


def test_rows_of_one_group_are_drawn_together() -> None:
    names, right = half(0.9, 0.6, 100)
    alone = scored(names, right)["gaps"]["accuracy"]
    tied = scored(names, right, [place // 20 for place in range(200)])["gaps"]["accuracy"]
    assert tied["high"] - tied["low"] > 1.5 * (alone["high"] - alone["low"])


def test_small_groups_take_no_part_in_gaps_and_are_named() -> None:
    names, right = half(0.9, 0.8)
    found = scored([*names, *["isle"] * 5], np.append(right, np.zeros(5, bool)))
    assert found["small"] == ["isle"] and found["groups"]["isle"]["accuracy"]["value"] == 0
    assert found["gaps"]["accuracy"]["worst"] == "west"
    assert fairness.warned("place", found) == (
        "by place, 1 of 3 groups have under 30 test rows, too few for a gap: isle"
    )
    assert any("isle" in note for note in fairness.table("place", found, label).notes)


def test_a_regression_is_told_by_group_too() -> None:
    names = ["a"] * 50 + ["b"] * 50
    target = np.zeros(100, np.float32)
    outputs = {"value": np.concatenate([np.full(50, 1.0), np.full(50, 3.0)])}
    found = fairness.scores(
        names, number, outputs, target, {"mean": 0.0, "std": 1.0}, groups=None, resamples=100, seed=0
    )
    gap = found["gaps"]["mean_absolute_error"]
    assert (gap["value"], gap["best"], gap["worst"]) == (2.0, "a", "b")


def test_rows_are_grouped_by_a_table_s_columns_the_target_or_what_they_belong_to() -> None:
    cells = [json.dumps({"sex": "f", "age": 30.0}), json.dumps({"sex": None, "age": 31.0})]
    rows = pd.DataFrame({"id": ["1", "2"], "group": ["g", "h"], "row": cells, "label": ["no", "yes"]})
    known = fairness.known(rows, "table", ["row"], "label")
    assert known == {"sex": ["f", None], "age": [30.0, 31.0], "group": ["g", "h"], "label": ["no", "yes"]}
    images = pd.DataFrame({"group": ["g"], "image": [b"png"], "label": ["no"]})
    assert set(fairness.known(images, "image", ["image"], "label")) == {"group", "label"}
    texts = pd.DataFrame({"group": ["g"], "text": ["{braces} are no row of a table"], "label": ["no"]})
    assert set(fairness.known(texts, "text", ["text"], "label")) == {"group", "label"}


def test_values_become_groups() -> None:
    assert fairness.groups(["f", None, "m"]) == ["f", "missing", "m"]
    assert fairness.groups([1.0, 2.0, 2.0]) == ["1", "2", "2"]
    assert fairness.groups([True, False]) == ["true", "false"]
    assert fairness.groups([1234567.0, 1234568.0, 0.1]) == ["1234567", "1234568", "0.1"]
    ages = fairness.groups([float(age) for age in range(100)])
    assert len(set(ages)) == 5 and ages.count(ages[0]) == 20


@pytest.mark.parametrize(
    ("values", "said"),
    [(["f"] * 9, "all test rows have one value, f"), ([f"v{at}" for at in range(1000)], "1,000 different values")],
)
def test_a_column_of_one_value_or_a_thousand_is_a_line(values: list[str], said: str) -> None:
    with pytest.raises(NotShownError, match=said):
        fairness.groups(values)
    shown = page.table(fairness.table("by", {"not_shown": said}, label))
    assert said in shown


def test_the_page_says_the_gap_and_shows_a_picture(tmp_path: Path) -> None:
    found = scored(*half(0.9, 0.6))
    shown = page.table(fairness.table("side", found, label))
    assert "Gap of accuracy: 0.3000 (" in shown and "east being the best group and west the worst" in shown
    path = tmp_path / "side.png"
    whole = {"value": 0.75, "low": 0.7, "high": 0.8}
    by_group("side", found, label.SCORES[0], whole, path)
    with Image.open(path) as picture:
        assert picture.width > 500


@pytest.mark.filterwarnings("error")
def test_groups_that_no_font_can_write_are_numbers_in_the_picture_never_boxes(tmp_path: Path) -> None:
    found = scored(*half(0.9, 0.6))
    groups = dict(zip(("什么\U000f0000", "哪里\U000f0000"), found["groups"].values(), strict=True))
    whole = {"value": 0.75, "low": 0.7, "high": 0.8}
    by_group("疑问词\U000f0000", {**found, "groups": groups}, label.SCORES[0], whole, tmp_path / "asked.png")
