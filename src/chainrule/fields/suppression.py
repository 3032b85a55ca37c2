"""Which boxes of many a detector means: of boxes of one class that lie over each other the likeliest.

Greedy non-maximum suppression, class by class, as `torchvision.ops.batched_nms` has it, in NumPy: so that a server, the
scores of `evaluate` and every runtime do it alike. Boxes are left, top, right, bottom.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

OVERLAP = 0.6
"""Intersection over union beyond which a box makes way, where validation rows have drawn no line of their own."""
LOWEST = 0.01
"""Scores from which on a box is looked at."""
THRESHOLD = 0.3
"""Score from which on a box is shown, likewise."""
MOST = 100
"""Boxes of an image that are kept, as COCO's evaluation does."""


class Found(NamedTuple):
    """The boxes that are said of an image, the likeliest first."""

    boxes: np.ndarray
    """float64 [M, 4]."""
    labels: np.ndarray
    """Places of their classes, int64 [M]."""
    scores: np.ndarray
    """float64 [M]."""


NOTHING = Found(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))


def areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas [...] of boxes [..., 4]; 0 of one that is turned inside out."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def intersections(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the areas [A, B] that boxes [A, 4] and [B, 4] have in common."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def overlaps(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return intersection over union [A, B] of boxes [A, 4] and [B, 4]; 0 where neither has an area."""
    common = intersections(ones, others)
    union = areas(ones)[:, None] + areas(others)[None] - common
    return np.asarray(np.where(union > 0, common / np.where(union > 0, union, 1), 0.0))


def kept(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Return the places int64 [M] of the boxes [N, 4] that stay, the likeliest first.

    A box makes way for a likelier one (the earlier of two alike) that it lies over by more than `overlap`.
    """
    order = np.argsort(-scores, kind="stable")
    over = overlaps(boxes[order], boxes[order]) > overlap
    there = np.ones(len(order), bool)
    for place in range(len(order)):
        if there[place]:
            there[place + 1 :] &= ~over[place, place + 1 :]
    return np.asarray(order[there])


def found(
    boxes: np.ndarray, scores: np.ndarray, *, overlap: float = OVERLAP, lowest: float = LOWEST, most: int = MOST
) -> Found:
    """Return what is said of an image by boxes [K, 4] with a score of every class [K, C], at most `most`.

    A place may stand for several classes. What is no number is no answer.
    """
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        return NOTHING
    parts = []
    for label in range(scores.shape[1]):
        rows = np.flatnonzero(scores[:, label] >= lowest)
        own = rows[kept(boxes[rows], scores[rows, label], overlap)]
        parts.append((own, np.full(len(own), label), scores[own, label]))
    places, labels, sure = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(-sure, kind="stable")[:most]
    return Found(
        boxes[places[order]].astype(np.float64), labels[order].astype(np.int64), sure[order].astype(np.float64)
    )


def said(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> list[Found]:
    """Return the boxes that are said of each row, the likeliest first, in shares of the image's sides.

    outputs: `boxes` [N, K, 4] with `scores` of every class [N, K, C], of which those that lie over a likelier one of
    their class are left out (facts["overlap"] says by how much, where it does); or `boxes` [N, M, 4] with `scores` and
    `labels` [N, M] that are an answer already, -1 where there are no more.
    """
    boxes, scores = np.asarray(outputs["boxes"], np.float64), np.asarray(outputs["scores"], np.float64)
    if "labels" not in outputs:
        overlap = facts.get("overlap", OVERLAP)
        return [found(*own, overlap=overlap) for own in zip(boxes, scores, strict=True)]
    answers = []
    for own, sure, labels in zip(boxes, scores, np.asarray(outputs["labels"]), strict=True):
        there = np.flatnonzero(labels >= 0)
        order = there[np.argsort(-sure[there], kind="stable")]
        answers.append(Found(own[order], labels[order].astype(np.int64), sure[order]))
    return answers


def told(answers: Sequence[Found]) -> dict[str, np.ndarray]:
    """Return answers as outputs of many rows, `boxes` [N, M, 4], `scores` and `labels` [N, M], filled up with -1."""
    most = max((len(own.labels) for own in answers), default=0)
    boxes, scores, labels = (
        np.zeros((len(answers), most, 4)), np.zeros((len(answers), most)), np.full((len(answers), most), -1, np.int64),
    )  # fmt: skip
    for row, own in enumerate(answers):
        boxes[row, : len(own.labels)], scores[row, : len(own.labels)] = own.boxes, own.scores
        labels[row, : len(own.labels)] = own.labels
    return {"boxes": boxes, "scores": scores, "labels": labels}


def shown(answers: Sequence[Found], facts: Mapping[str, Any]) -> list[Found]:
    """Return of answers the boxes that are likely enough to be shown, by facts["threshold"]."""
    least = facts.get("threshold", THRESHOLD)
    return [Found(*(part[own.scores >= least] for part in own)) for own in answers]
