"""Average precision of boxes: pycocotools' numbers, and the same rows drawn several times."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from chainrule.evaluation import intervals, paired
from chainrule.evaluation.scores import boxes
from chainrule.fields import suppression
from chainrule.fields.suppression import Found

FACTS = {"classes": ["cell", "dot", "ring"]}
BEYOND = 1e12
"""An area that COCO's evaluation leaves out, as ours what is difficult."""


def drawn(seed: int, rows: int = 10, most: int = 8) -> tuple[np.ndarray, list[Found]]:
    """Boxes of three classes, some of them marked, and answers near them, with scores that tie."""
    rng = np.random.default_rng(seed)
    target = np.zeros((rows, most, 6), np.float32)
    target[..., 4] = -1
    said = []
    for row in range(rows):
        count = int(rng.integers(0, most + 1))
        corner = rng.uniform(0, 0.7, (count, 2))
        target[row, :count, :4] = np.hstack([corner, corner + rng.uniform(0.05, 0.3, (count, 2))])
        target[row, :count, 4] = rng.integers(0, 3, count)
        target[row, :count, 5] = rng.choice([0, 0, 0, 1, 2], count)
        number = int(rng.integers(0, 40))
        near = target[row, rng.integers(0, max(count, 1), number)]
        places = near[:, :4].astype(np.float64) + rng.normal(0, 0.02, (number, 4))
        places[:, 2:] = np.maximum(places[:, 2:], places[:, :2] + 0.01)
        labels = np.where(rng.random(number) < 0.7, np.maximum(near[:, 4], 0), rng.integers(0, 3, number))
        scores = np.round(rng.random(number), 2)
        order = np.argsort(-scores, kind="stable")
        said.append(Found(places[order], labels[order].astype(np.int64), scores[order]))
    return target, said


def cocos(target: np.ndarray, said: list[Found]) -> np.ndarray:
    """What COCO's own evaluation makes of them: its twelve numbers."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (boxes_of, own) in enumerate(zip(target, said, strict=True), 1):
        for left, top, right, bottom, label, mark in boxes_of[boxes_of[:, 4] >= 0].astype(np.float64).tolist():
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(label) + 1,
                    "bbox": box,
                    "area": BEYOND if mark == 1 else box[2] * box[3],
                    "iscrowd": int(mark == 2),
                }
            )
        for (left, top, right, bottom), label, score in zip(*(part.tolist() for part in own), strict=True):
            box = [left, top, right - left, bottom - top]
            results.append({"image_id": image, "category_id": label + 1, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(1, len(target) + 1)],
            "annotations": annotations,
            "categories": [{"id": number} for number in (1, 2, 3)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


def scored(target: np.ndarray, said: list[Found]) -> dict[str, Any]:
    sums = np.asarray(boxes.statistics(suppression.told(said), target, FACTS).sum(axis=0)).ravel()
    return boxes.metrics(sums, FACTS)


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_those_of_pycocotools_crowds_and_difficult_ones_among_them(seed: int) -> None:
    target, said = drawn(seed)
    expected, found = cocos(target, said), scored(target, said)
    for name, place in (("mean_average_precision", 0), ("ap50", 1), ("ap75", 2), ("average_recall", 8)):
        assert found[name] == pytest.approx(expected[place], abs=1e-9), name


def test_rows_that_are_drawn_twice_count_as_two_rows() -> None:
    target, said = drawn(1)
    counts = np.array([2, 0, 1, 3, 0, 1, 1, 2, 0, 1])
    sums = np.asarray(boxes.statistics(suppression.told(said), target, FACTS).T @ counts).ravel()
    rows = np.repeat(np.arange(len(counts)), counts)
    expected = scored(target[rows], [said[row] for row in rows])
    found = boxes.metrics(sums, FACTS)
    for score in boxes.SCORES:
        assert found[score.name] == pytest.approx(expected[score.name], abs=1e-12)


def test_a_class_without_a_box_to_find_is_in_no_mean() -> None:
    target, said = drawn(2)
    target[..., 5] = np.where(target[..., 4] == 2, 1, target[..., 5])
    found = scored(target, said)
    assert np.isnan(found["average_precision"][2]) and found["support"][2] == 0
    assert found["mean_average_precision"] == pytest.approx(found["average_precision"][:2].mean())


def test_a_row_without_an_answer_finds_nothing() -> None:
    target, _ = drawn(3)
    outputs = {"boxes": np.full((10, 4, 4), np.nan), "scores": np.full((10, 4, 3), np.nan)}
    sums = np.asarray(boxes.statistics(outputs, target, FACTS).sum(axis=0)).ravel()
    assert boxes.metrics(sums, FACTS)["mean_average_precision"] == 0


def test_the_better_model_is_ahead_with_its_interval() -> None:
    target, said = drawn(4, rows=30)
    worse = [own._replace(scores=own.scores[::-1]) for own in said]
    one, other = suppression.told(said), suppression.told([Found(*own) for own in worse])
    found = paired.paired_comparison(
        boxes,  # type: ignore[arg-type]
        one, other, target, FACTS, groups=None, resamples=100, seed=1,
    )  # fmt: skip
    own = intervals.scores(boxes, one, target, FACTS, groups=None, resamples=100, seed=1)  # type: ignore[arg-type]
    assert found["challenger"] == own["mean_average_precision"]["value"]
    assert own["mean_average_precision"]["low"] < own["mean_average_precision"]["value"]
    same = paired.paired_comparison(
        boxes,  # type: ignore[arg-type]
        one, one, target, FACTS, groups=None, resamples=100, seed=1,
    )  # fmt: skip
    assert same["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_what_is_compared_knows_no_order_and_not_what_falls_off_the_end() -> None:
    rng = np.random.default_rng(5)
    places, scores = rng.random((2, 20, 4)), rng.random((2, 20, 3)) * 0.9
    scores[:, -1] = scores[:, :-1].max(axis=2).min(axis=1)[:, None] / 2
    order = rng.permutation(20)
    one = boxes.comparable({"boxes": places, "scores": scores}, FACTS)
    assert np.allclose(one, boxes.comparable({"boxes": places[:, order], "scores": scores[:, order]}, FACTS))
    places[:, -1] = 0.5
    assert np.allclose(one, boxes.comparable({"boxes": places, "scores": scores}, FACTS))
    places[:, 0] += 0.1
    assert np.abs(one - boxes.comparable({"boxes": places, "scores": scores}, FACTS)).max() > 1e-3


def test_a_model_of_other_classes_is_brought_to_those_of_both() -> None:
    outputs = {"boxes": np.array([[[0.1, 0.1, 0.5, 0.5]]]), "scores": np.array([[[0.2, 0.9]]])}
    joint = boxes.joined([{"classes": ["ring", "cell"]}, {"classes": ["dot"]}], ["cell"])
    assert joint == {"classes": ["cell", "dot", "ring"]}
    found = boxes.aligned(outputs, {"classes": ["ring", "cell"]}, joint)
    assert found["labels"].tolist() == [[0, 2]] and found["scores"].tolist() == [[0.9, 0.2]]
