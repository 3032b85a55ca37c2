"""Floors of boxes over an image: those that say the same of every image, whatever it shows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.fields.suppression import MOST, NOTHING, Found, told

GROUPS = 100
"""Boxes that stand for all of those of training rows, at most."""
TURNS = 20


def floors(
    kind: Any,
    train: Sequence[np.ndarray],
    target: np.ndarray,
    test: Sequence[np.ndarray],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name the boxes that each floor says of test rows, as outputs; mean_box first.

    target: float [N_train, M, 6]; test: images [N_test, H, W, channels], in the one input field. mean_box: of each
    class the mean of its boxes in training rows, its score the share of these rows that have one. usual_boxes: the
    boxes of each class in groups of like place and size (k-means; Lloyd 1982), each by its mean, its score the share
    of training rows that have a box in the group; what a model learns of how such images are framed. Raises ValueError
    on inputs that do not fit together.
    """
    (images,), (asked,) = train, test
    if len(images) != len(target) or not len(target):
        raise ValueError(f"{len(images)} training images and {len(target)} lists of boxes")
    row, at = np.nonzero((target[..., 4] >= 0) & (target[..., 5] == 0))
    boxes, labels = target[row, at, :4].astype(np.float64), target[row, at, 4].astype(np.int64)
    classes = range(len(facts["classes"]))
    mean, usual = [NOTHING], [NOTHING]
    each = max(1, GROUPS // len(classes))
    for label in progress(list(classes), "usual boxes", "classes"):
        own = labels == label
        if own.any():
            mean.append(_said(boxes[own], row[own], np.zeros(own.sum(), np.int64), label, len(target)))
            usual.append(_said(boxes[own], row[own], _grouped(boxes[own], each, seed), label, len(target)))
    return {name: told([_joined(found)] * len(asked)) for name, found in (("mean_box", mean), ("usual_boxes", usual))}


def _said(boxes: np.ndarray, rows: np.ndarray, group: np.ndarray, label: int, number: int) -> Found:
    """Return the mean box of each group, with the share of all rows that have one of its boxes."""
    numbers = np.unique(group)
    means = np.stack([boxes[group == each].mean(axis=0) for each in numbers])
    shares = np.array([len(np.unique(rows[group == each])) / number for each in numbers])
    return Found(means, np.full(len(numbers), label), shares)


def _grouped(boxes: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return the group of each box [N, 4], int64 [N], of at most so many."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(boxes, axis=0))
    model = KMeans(min(most, distinct), n_init=1, max_iter=TURNS, random_state=seed)
    return np.asarray(model.fit_predict(boxes), np.int64)


def _joined(found: Sequence[Found]) -> Found:
    boxes, labels, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")[:MOST]
    return Found(boxes[order], labels[order], scores[order])
