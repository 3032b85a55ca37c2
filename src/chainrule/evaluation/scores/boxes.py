"""Scores of boxes per row, as COCO has them: how many are found, and how few are said in vain before they are.

A model's outputs are `boxes` [N, K, 4] with `scores` [N, K, C] or, once suppressed, `scores` and `labels` [N, M] (see
`fields.suppression.said`); targets are float [N, M, 6]. A row without an answer (NaN) finds nothing.

Definitions, those of COCO's evaluation (Lin et al. 2014, arXiv:1405.0312; github.com/cocodataset/cocoapi), on boxes of
any area, at most 100 of an image:

- The boxes said of a class, the likeliest first, each take the true box of that class that they lie over the most, if
  by at least the threshold and if no other has taken it. Boxes that are marked count neither as found nor as missed,
  and what takes one not as said in vain; one marked "crowd" may be taken by many, and over it counts the share of the
  box that lies in it.
- Average precision: the mean over recalls 0, 0.01, … 1 of the highest precision at that recall or beyond.
- mean_average_precision: PRIMARY. The mean over classes and over the thresholds 0.5, 0.55, … 0.95. ap50, ap75: at one.
- average_recall: share of the true boxes found, the mean over classes and thresholds.

A class without a box to be found is left out of the means, in each resample alike.

Average precision is no function of a few sums, but of how often each box that was said counts: so a row's vector has
two columns for each of its boxes, 1 and a number that tells its class and what it found at each threshold. Summed over
rows that are drawn several times these are the count, and the count times the number; the columns stand in the order of
the scores. What bootstraps, pairs and slices sums does so with these as with any others, and exactly.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import per_class
from chainrule.evaluation.primary import SHARE, Facts, Found, Metrics, Outputs, Primary, Score
from chainrule.fields import boxes as field
from chainrule.fields import suppression
from chainrule.fields.suppression import Found as Said
from chainrule.fields.suppression import areas, intersections, overlaps

PRIMARY = Primary("mean_average_precision", more_is_better=True, unit=SHARE)
SCORES = (
    Score("mean_average_precision", "mAP@[.5:.95]", more_is_better=True),
    Score("ap50", "AP50", more_is_better=True),
    Score("ap75", "AP75", more_is_better=True),
    Score("average_recall", "Average recall", more_is_better=True),
)
HEADLINE = ("ap50", "ap75")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = (
    "By the validation split: from which score on a box is shown, and by how much two boxes of a class may overlap."
)
UNORDERED = True
"""Whether outputs are sets, in whatever order."""
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
SAME = 0.9
"""How far two boxes lie over each other that are the same answer."""
NEAR = 0.01
"""By how much the scores of two that are the same answer may differ."""
_BITS = len(THRESHOLDS)
_ALMOST_ONE = 1 - 1e-10  # as COCO's evaluation has it


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> Any:
    """Return, sparse float64 [N, 1 + C + 2D], what each row adds; `target` float [N, M, 6], D the boxes of all rows.

    In order: rows; boxes of each class that are to be found; for each box that is said, the likeliest first, 1 and its
    `_code`. Raises ValueError when the arrays do not fit together.
    """
    from scipy.sparse import coo_array

    said, true = suppression.said(outputs, facts), np.asarray(target)
    if true.ndim != 3 or true.shape[2] != 6 or len(said) != len(true):
        raise ValueError(f"targets {true.shape} are not [N, M, 6] for {len(said)} answers")
    classes = len(facts["classes"])
    scores, rows, codes = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    counts = np.zeros((len(true), 1 + classes))
    counts[:, 0] = 1
    for row, (own, boxes) in enumerate(zip(said, true, strict=True)):
        there = boxes[boxes[:, 4] >= 0]
        counts[row, 1:] = np.bincount(there[there[:, 5] == 0, 4].astype(np.int64), minlength=classes)
        scores.append(own.scores)
        rows.append(np.full(len(own.scores), row))
        codes.append(_code(own.labels, *taken(own, there)))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    of, code = np.concatenate(rows)[order], np.concatenate(codes)[order]
    columns = 1 + classes + 2 * np.arange(len(order))
    at = np.nonzero(counts)
    return coo_array(
        (
            np.concatenate([counts[at], np.ones(len(order)), code.astype(np.float64)]),
            (np.concatenate([at[0], of, of]), np.concatenate([at[1], columns, columns + 1])),
        ),
        shape=(len(true), 1 + classes + 2 * len(order)),
    ).tocsr()


def taken(said: Said, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at which thresholds each box that is said of an image finds one, and takes a marked one, bool [D, T] each.

    true: float [M, 6], without what fills up.
    """
    found, marked = np.zeros((2, len(said.labels), _BITS), bool)
    for label in np.unique(said.labels).tolist():
        rows = np.flatnonzero(said.labels == label)
        own = true[true[:, 4] == label]
        own = own[np.argsort(own[:, 5] > 0, kind="stable")]  # those to be found first
        found[rows], marked[rows] = _matched(said.boxes[rows], own)
    return found, marked


def over(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return how far boxes [D, 4] lie over true ones [M, 6], [D, M]; over a crowd the share of the box itself."""
    places, crowd = true[:, :4].astype(np.float64), true[:, 5] == field.MARKS.index("crowd")
    own = areas(said)[:, None]
    within = np.where(own > 0, intersections(said, places) / np.where(own > 0, own, 1), 0.0)
    return np.asarray(np.where(crowd[None], within, overlaps(said, places)))


def _matched(boxes: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `taken` of boxes [D, 4] and true ones [M, 6] of one class, both in the order in which they are taken."""
    found, marked = np.zeros((2, len(boxes), _BITS), bool)
    if not len(true):
        return found, marked
    own, crowd, aside = over(boxes, true), true[:, 5] == field.MARKS.index("crowd"), true[:, 5] > 0
    least = np.minimum(THRESHOLDS, _ALMOST_ONE)
    free = np.ones((_BITS, len(true)), bool)
    every = np.arange(_BITS)
    for place, how in enumerate(own):
        may = (free | crowd) & (how >= least[:, None])
        plain = may & ~aside
        may = np.where(plain.any(axis=1, keepdims=True), plain, may)
        # Of two that it lies over alike the later.
        best = len(true) - 1 - np.where(may, how, -1.0)[:, ::-1].argmax(axis=1)
        hit = may.any(axis=1)
        free[every[hit], best[hit]] = False
        found[place], marked[place] = hit & ~aside[best], hit & aside[best]
    return found, marked


def _code(labels: np.ndarray, found: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return int64 [D]: the class, a bit for each threshold at which the box finds one, and takes a marked one."""
    powers = 1 << np.arange(_BITS)
    return np.asarray((labels << 2 * _BITS) + ((found @ powers) << _BITS) + marked @ powers)


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores of sums [..., 1 + C + 2D]: [...], or [..., C] for those of a class."""
    classes = len(facts["classes"])
    flat = np.asarray(sums, np.float64).reshape(-1, sums.shape[-1])
    precision = np.full((len(flat), classes, _BITS), np.nan)
    recall = np.full_like(precision, np.nan)
    for row, own in enumerate(flat):
        for place, curve in enumerate(_curves(own, classes)):
            if curve is not None:
                precision[row, place], recall[row, place] = _average(*curve), curve[1][:, -1] if len(curve[1][0]) else 0
    shape = sums.shape[:-1]
    by_class, recalls = (each.reshape(*shape, classes, _BITS) for each in (precision, recall))
    return {
        "mean_average_precision": per_class.mean(by_class.mean(axis=-1)),
        "ap50": per_class.mean(by_class[..., 0]),
        "ap75": per_class.mean(by_class[..., _BITS // 2]),
        "average_recall": per_class.mean(recalls.mean(axis=-1)),
        "average_precision": by_class.mean(axis=-1),
        "class_ap50": by_class[..., 0],
        "class_ap75": by_class[..., _BITS // 2],
        "recall": recalls.mean(axis=-1),
        "recall50": recalls[..., 0],
        "support": sums[..., 1 : 1 + classes],
        "rows": sums[..., 0],
    }


def _curves(sums: np.ndarray, classes: int) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Return of each class precision and recall [T, D] after each of its boxes; None where none is to be found."""
    said = sums[1 + classes :].reshape(-1, 2)
    said = said[said[:, 0] > 0]
    count = said[:, 0]
    code = np.rint(said[:, 1] / count).astype(np.int64)
    label, bits = code >> 2 * _BITS, np.arange(_BITS)[:, None]
    curves: list[tuple[np.ndarray, np.ndarray] | None] = []
    for place in range(classes):
        support = sums[1 + place]
        if not support > 0:
            curves.append(None)
            continue
        own = label == place
        hit = (code[own] >> _BITS + bits & 1).astype(bool)
        marked = (code[own] >> bits & 1).astype(bool)
        right = np.cumsum(np.where(hit, count[own], 0.0), axis=1)
        wrong = np.cumsum(np.where(hit | marked, 0.0, count[own]), axis=1)
        curves.append((right / (right + wrong + np.spacing(1)), right / support))
    return curves


def _average(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Return average precision [T] of precision and recall [T, D]."""
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros((len(recall), len(RECALLS)))
    for threshold, (own, best) in enumerate(zip(recall, highest, strict=True)):
        at = np.searchsorted(own, RECALLS, side="left")
        there = at < len(best)
        found[threshold, there] = best[at[there]]
    return np.asarray(found.mean(axis=1))


def curves(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Return precision and recall [T, D] of each class, after each box that is said of it, as `metrics` has them."""
    sums = np.asarray(statistics(outputs, target, facts).sum(axis=0)).ravel()
    return _curves(sums, len(facts["classes"]))


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the scores of each class as plain data."""
    scores = {"average_precision": "average_precision", "ap50": "class_ap50", "ap75": "class_ap75", "recall": "recall"}
    return {
        "per_class": {
            name: {
                **{key: found.entry(metric, place) for key, metric in scores.items()},
                "support": int(found.value["support"][place]),
                "absent_resamples": found.times("support", 0, place),
            }
            for place, name in enumerate(facts["classes"])
        }
    }


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return of which rows two models show the same boxes, bool [N]; of scores at the line either may show one."""
    line = facts.get("threshold", suppression.THRESHOLD)
    every = zip(suppression.said(ours, facts), suppression.said(theirs, facts), strict=True)
    return np.array([_shown_by(one, other, line) and _shown_by(other, one, line) for one, other in every], bool)


def _shown_by(one: Said, other: Said, line: float) -> bool:
    """Whether each box that one surely shows is among what the other says."""
    sure = one.scores >= line + NEAR
    same = (overlaps(one.boxes[sure], other.boxes) >= SAME) & (one.labels[sure][:, None] == other.labels[None])
    near = np.abs(one.scores[sure][:, None] - other.scores[None]) <= 10 * NEAR
    return bool((same & near).any(axis=1).all())


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one, nor in a graph: of a set of boxes, whatever their order.

    float64 [N, K + C + 4]: the likeliest class's scores, the highest first, and the means of all scores and of the
    boxes, each weighed by how far its score lies above the least, so that what falls off the end of a list is of no
    account.
    """
    boxes, scores = np.asarray(outputs["boxes"], np.float64), np.asarray(outputs["scores"], np.float64)
    if "labels" in outputs:
        scores = scores[..., None] * (np.asarray(outputs["labels"])[..., None] == np.arange(len(facts["classes"])))
    highest = scores.max(axis=2)
    weights = highest - highest.min(axis=1, keepdims=True)
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    means = [(weights[..., None] * each).sum(axis=1) for each in (scores, boxes)]
    return np.concatenate([-np.sort(-highest, axis=1), *means], axis=1)


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return facts that several models and rows with these names have in common: all of the classes."""
    met = {name: None for each in facts for name in each["classes"]} | dict.fromkeys(names)
    return {"classes": sorted(met)}


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Mapping[str, np.ndarray]:
    """Return a model's boxes, suppressed by its own line, over the classes of `joint`."""
    to = np.array([joint["classes"].index(name) for name in facts["classes"]], np.int64)
    return suppression.told([own._replace(labels=to[own.labels]) for own in suppression.said(outputs, facts)])
