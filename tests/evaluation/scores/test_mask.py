import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from chainrule.evaluation import intervals
from chainrule.evaluation.floors import mask as floors
from chainrule.evaluation.mistakes import mask as mistakes
from chainrule.evaluation.scores import mask

FACTS = {"classes": ["a", "b", "c"]}


def simulated(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, (rows, 7, 9), np.uint8)
    found = np.where(random.random(true.shape) < 0.6, true, random.integers(0, 3, true.shape)).astype(np.uint8)
    true[random.random(true.shape) < 0.1] = 255
    return true, found


def values(true: np.ndarray, found: np.ndarray) -> dict[str, np.ndarray]:
    return mask.metrics(mask.statistics({"mask": found}, true, FACTS).sum(axis=0), FACTS)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 5), seed=st.integers(0, 1000))
def test_values_are_those_of_scikit_learn(rows: int, seed: int) -> None:
    true, found = simulated(rows, seed)
    marked = true != 255
    own, (t, f) = values(true, found), (true[marked], found[marked])
    some = sorted(set(t.tolist()) | set(f.tolist()))
    np.testing.assert_allclose(own["iou"][some], reference.jaccard_score(t, f, labels=some, average=None))
    np.testing.assert_allclose(own["dice"][some], reference.f1_score(t, f, labels=some, average=None))
    assert own["mean_iou"] == pytest.approx(reference.jaccard_score(t, f, labels=some, average="macro"))
    assert own["pixel_accuracy"] == pytest.approx(reference.accuracy_score(t, f))


def test_hand_made_values() -> None:
    true = np.array([[[0, 0, 1], [0, 1, 255]]], np.uint8)
    found = np.array([[[0, 1, 1], [0, 1, 0]]], np.uint8)
    own = values(true, found)
    np.testing.assert_allclose(own["iou"], [2 / 3, 2 / 3, np.nan])
    assert own["mean_iou"] == pytest.approx(2 / 3) and own["mean_dice"] == pytest.approx(0.8)
    assert own["pixel_accuracy"] == pytest.approx(0.8)
    # A class that is said in vain counts with 0.
    assert values(true, np.where(found == 1, 2, found).astype(np.uint8))["mean_iou"] == pytest.approx(2 / 9)


def test_no_answer_is_wrong_everywhere() -> None:
    true, _ = simulated(2, 0)
    nothing = np.full(true.shape, 255, np.uint8)
    own = values(true, nothing)
    assert own["mean_iou"] == 0 and own["pixel_accuracy"] == 0 and own["boundary_iou"] == 0


def test_borders_are_what_erosion_takes_away() -> None:
    square = np.zeros((9, 9), bool)
    square[2:7, 2:7] = True
    assert mask.border(square, 1).sum() == 25 - 9 and mask.border(square, 2).sum() == 25 - 1
    assert mask.border(np.ones((5, 5), bool), 1).sum() == 16  # beyond the edge nothing is of the class
    assert mask.reach((300, 400)) == 5 and mask.reach((8, 8)) == 1


def test_a_border_that_is_off_costs_more_at_the_boundary() -> None:
    true = np.zeros((1, 60, 60), np.uint8)
    true[:, 10:50, 10:50] = 1
    facts = {"classes": ["a", "b"]}

    def scored(found: np.ndarray) -> dict[str, np.ndarray]:
        return mask.metrics(mask.statistics({"mask": found}, true, facts)[0], facts)

    right, off = scored(true), scored(np.roll(true, 1, axis=2))
    assert right["boundary_iou"] == right["mean_iou"] == 1
    # One column of 40 pixels too far: of the square's band, a pixel wide, its left and right edges are all wrong.
    assert mask.reach((60, 60)) == 1
    np.testing.assert_allclose(off["iou"][1], 1560 / 1640)
    np.testing.assert_allclose(off["class_boundary_iou"][1], 78 / (2 * 156 - 78))


def test_logits_and_masks_are_scored_alike_and_rows_add_up() -> None:
    true, found = simulated(6, 3)
    logits = np.eye(3, dtype=np.float32)[found].transpose(0, 3, 1, 2)
    sums = mask.statistics({"logits": logits}, true, FACTS)
    assert (sums == mask.statistics({"mask": found}, true, FACTS)).all()
    report = intervals.scores(mask, {"mask": found}, true, FACTS, groups=None, resamples=20, seed=1)
    assert report["mean_iou"]["low"] <= report["mean_iou"]["value"] <= report["mean_iou"]["high"]
    assert set(report["per_class"]) == set("abc") and report["per_class"]["a"]["support"] == (true == 0).sum()
    with pytest.raises(ValueError, match=r"not both \[N, H, W\]"):
        mask.statistics({"mask": found[:, :2]}, true, FACTS)


def test_models_of_other_classes_are_put_on_one_list() -> None:
    joint = mask.joined([{"classes": ["b", "a"]}], ["a", "c"])
    assert joint["classes"] == ["b", "a", "c"]
    found = mask.aligned({"mask": np.array([[[0, 1]]], np.uint8)}, {"classes": ["a", "c"]}, joint)
    assert found["mask"].tolist() == [[[1, 2]]]


def test_mistakes_name_the_classes_that_are_confused() -> None:
    true = np.zeros((2, 4, 5), np.uint8)
    found = true.copy()
    found[1, :2] = 1
    outputs = {"mask": found, "sure": np.ones(true.shape, np.float16)}
    assert mistakes.bad(outputs, true, FACTS).tolist() == [0, 0.5]
    assert mistakes.confused(outputs, true, FACTS)[0][0] == "a taken for b"
    sheet = mistakes.sheets(outputs, true, FACTS, 5)[0]
    assert [wrong.row for wrong in sheet.rows] == [1] and sheet.rows[0].said == "in vain: b 50.0%"


def test_floors_know_the_commonest_class_and_colours() -> None:
    random = np.random.default_rng(0)
    masks = random.integers(0, 2, (4, 16, 16), np.uint8)
    images = (masks[..., None] * 180 + random.integers(0, 40, (4, 16, 16, 3))).astype(np.uint8)
    masks[:, 0] = 255
    said = floors.floors(None, [images[:3]], masks[:3], [images[3:]], {"classes": ["a", "b"]}, 0)
    assert list(said) == ["majority_class", "pixel_classifier"]
    assert len(np.unique(said["majority_class"]["mask"])) == 1
    assert (said["pixel_classifier"]["mask"][0, 1:] == masks[3, 1:]).mean() > 0.95
