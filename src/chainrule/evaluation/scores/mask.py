"""Scores of a mask per row: how the pixels that are said of each class lie over those that are of it.

A model's outputs are `logits` [N, C, H, W], or `mask` [N, H, W], the places of the likeliest classes; targets are
places uint8 [N, H, W]. A row without an answer (255 everywhere) is wrong in every pixel. Pixels of no class (255) are
in no score.

Definitions, all over the pixels of all rows together:

- mean_iou: PRIMARY. The mean over classes of intersection over union, |A ∩ B| / |A ∪ B| (Jaccard 1912; Everingham et
  al. 2010, https://doi.org/10.1007/s11263-009-0275-4, section 4.3). A class with neither a pixel nor an answer is left
  out; one that is said in vain counts with 0.
- mean_dice: the same of 2 |A ∩ B| / (|A| + |B|), which is F1 of pixels.
- pixel_accuracy: share of the pixels that are right; one less it is the pixel error.
- boundary_iou: the mean over classes of the same ratio of the pixels within a hundredth of the image's diagonal of a
  border of their class (Cheng et al. 2021, arXiv:2103.16562, who take a fiftieth for photographs of single things).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import per_class
from chainrule.evaluation.primary import SHARE, Facts, Found, Metrics, Outputs, Primary, Score
from chainrule.fields.mask import IGNORED, said

PRIMARY = Primary("mean_iou", more_is_better=True, unit=SHARE)
SCORES = (
    Score("mean_iou", "Mean IoU", more_is_better=True),
    Score("mean_dice", "Mean Dice", more_is_better=True),
    Score("pixel_accuracy", "Pixel accuracy", more_is_better=True),
    Score("boundary_iou", "Boundary IoU", more_is_better=True),
)
HEADLINE = ("mean_dice", "pixel_accuracy")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "No line is drawn by the validation split: the likeliest class of a pixel is said."
BORDER = 0.01
"""Of the diagonal of an image: how far from a border of its class a pixel is part of it."""
PARTS = 6
SAME = 0.99
"""Share of the marked pixels from which on two models say the same of an image."""


def masks(outputs: Outputs) -> np.ndarray:
    """Return the places uint8 [N, H, W] that are said."""
    return said(outputs)[0]


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 6C + 3], what each row adds; `target` uint8 [N, H, W].

    In order, per class: pixels rightly said, said and true; pixels of its borders rightly said, said and true. Then
    rows, pixels right, pixels that are of a class. Raises ValueError when the arrays do not fit together.
    """
    found, classes = masks(outputs), len(facts["classes"])
    true = np.asarray(target)
    if found.shape != true.shape or found.ndim != 3:
        raise ValueError(f"masks {true.shape} and answers {found.shape} are not both [N, H, W]")
    rows = np.zeros((len(true), PARTS * classes + 3))
    for row, (own, other) in enumerate(zip(found, true, strict=True)):
        matrix = confusion(own, other, classes)
        is_true = np.bincount(other.ravel(), minlength=256)[:classes]
        parts = [np.diag(matrix), matrix.sum(axis=0), is_true, *_borders(own, other, classes)]
        rows[row, : PARTS * classes] = np.concatenate(parts)
        rows[row, PARTS * classes :] = 1, np.trace(matrix), is_true.sum()
    return rows


def confusion(found: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    """Return how many pixels of each true class are said to be each, int64 [C, C]; places [H, W] or [N, H, W].

    Pixels without an answer are in none of them.
    """
    marked = (true != IGNORED) & (found != IGNORED)
    pairs = true[marked].astype(np.int64) * classes + found[marked]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def border(mask: np.ndarray, reach: int) -> np.ndarray:
    """Return which pixels of bool [H, W] are no further than `reach` from one that is not, bool [H, W].

    Further in a square, as erosion by one pixel at a time has it; beyond the edge of an image nothing is.
    """
    from scipy.ndimage import minimum_filter1d

    inner = mask.astype(np.uint8)
    for axis in (0, 1):
        inner = minimum_filter1d(inner, 2 * reach + 1, axis=axis, mode="constant", cval=0)
    return np.asarray(mask & (inner == 0))


def reach(shape: Sequence[int]) -> int:
    """Return how far from a border a pixel of an image [H, W] is part of it, at least 1."""
    return max(1, round(BORDER * math.hypot(*shape)))


def _borders(found: np.ndarray, true: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by class the pixels of its borders that are rightly said, said and true, float64 [C] each."""
    right, mine, theirs = np.zeros((3, classes))
    marked, far = true != IGNORED, reach(true.shape)
    said_or_true = np.union1d(np.unique(found[marked]), np.unique(true[marked]))
    for place in said_or_true[said_or_true < classes].tolist():
        ours, others = (border((each == place) & marked, far) for each in (found, true))
        right[place], mine[place], theirs[place] = (ours & others).sum(), ours.sum(), others.sum()
    return right, mine, theirs


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores of sums [..., 6C + 3]: [...], or [..., C] for those of a class."""
    classes = len(facts["classes"])
    right, mine, true, near, near_mine, near_true = (
        sums[..., part * classes : (part + 1) * classes] for part in range(PARTS)
    )
    rows, pixels_right, pixels = (sums[..., PARTS * classes + place] for place in range(3))
    iou, border_iou = _ratio(right, mine + true - right), _ratio(near, near_mine + near_true - near)
    dice = _ratio(2 * right, mine + true)
    return {
        "mean_iou": per_class.mean(iou),
        "mean_dice": per_class.mean(dice),
        "pixel_accuracy": np.where(pixels > 0, pixels_right / np.maximum(pixels, 1), np.nan),
        "boundary_iou": per_class.mean(border_iou),
        "iou": iou,
        "dice": dice,
        "class_boundary_iou": border_iou,
        "precision": np.where(true + mine > 0, right / np.maximum(mine, 1), np.nan),
        "recall": np.where(true > 0, right / np.maximum(true, 1), np.nan),
        "support": true,
        "rows": rows,
    }


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.where(under > 0, over / np.maximum(under, 1), np.nan)


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the scores of each class as plain data."""
    scores = {"iou": "iou", "dice": "dice", "boundary_iou": "class_boundary_iou", "recall": "recall"}
    return {
        "per_class": {
            name: {
                **{key: found.entry(metric, place) for key, metric in scores.items()},
                "precision": found.entry("precision", place),
                "support": int(found.value["support"][place]),
                "absent_resamples": found.times("support", 0, place),
            }
            for place, name in enumerate(facts["classes"])
        }
    }


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return of which images two models say the same of all but a hundredth of the pixels, bool [N]."""
    return np.asarray((masks(ours) == masks(theirs)).mean(axis=(1, 2)) >= SAME)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the probabilities of its pixels, [N, ...]."""
    if "logits" not in outputs:
        return np.asarray(said(outputs)[1], np.float64).reshape(len(outputs["mask"]), -1)
    logits = np.asarray(outputs["logits"], np.float32)
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return np.asarray(chances.reshape(len(chances), -1))


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return facts that several models and rows with these names have in common: all of the classes."""
    met = {name: None for each in facts for name in each["classes"]} | dict.fromkeys(names)
    return {"classes": list(met)}


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Mapping[str, np.ndarray]:
    """Return a model's masks over the classes of `joint`."""
    mask, sure = said(outputs)
    to = np.full(256, IGNORED, np.uint8)
    to[: len(facts["classes"])] = [joint["classes"].index(name) for name in facts["classes"]]
    return {"mask": to[mask], "sure": sure}
