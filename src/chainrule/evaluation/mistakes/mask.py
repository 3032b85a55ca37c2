"""Mistakes of a mask per row: images with the least overlap, and classes that are taken for one another."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import mask
from chainrule.evaluation.shown import Worst, Wrong
from chainrule.fields.mask import IGNORED, said

FEW = 0.01
"""Share of the marked pixels of an image below which a confusion in it is not named."""


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which share of the marked pixels of each row is wrong, float64 [N]; `target` uint8 [N, H, W]."""
    found, true = mask.masks(outputs), np.asarray(target)
    marked = true != IGNORED
    return np.asarray(((found != true) & marked).sum(axis=(1, 2)) / np.maximum(marked.sum(axis=(1, 2)), 1))


def overlaps(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return the mean IoU of each row by itself, float64 [N]; NaN where nothing is marked."""
    return mask.metrics(mask.statistics(outputs, target, facts), facts)["mean_iou"]


def wrong(outputs: Outputs, target: np.ndarray, facts: Facts, row: int) -> Wrong:
    """Return a row as it is shown: what is said in vain, how good it is, what is missed."""
    matrix = mask.confusion(mask.masks(outputs)[row], np.asarray(target)[row], len(facts["classes"]))
    off = matrix - np.diag(np.diag(matrix))
    number = max(1, int(matrix.sum()))
    own = mask.metrics(mask.statistics(_row(outputs, row), np.asarray(target)[row : row + 1], facts)[0], facts)

    def named(counts: np.ndarray) -> str:
        order = np.argsort(-counts, kind="stable")[:2]
        parts = [f"{facts['classes'][at]} {counts[at] / number:.1%}" for at in order.tolist() if counts[at]]
        return ", ".join(parts) or "nothing"

    return Wrong(row, f"in vain: {named(off.sum(axis=0))}", f"IoU {float(own['mean_iou']):.3f}", named(off.sum(axis=1)))


def _row(outputs: Outputs, row: int) -> Outputs:
    return {name: array[row : row + 1] for name, array in outputs.items()}


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    iou, share = overlaps(outputs, target, facts), bad(outputs, target, facts)
    sure = said(outputs)[1].astype(np.float32).mean(axis=(1, 2))

    def shown(title: str, note: str, order: np.ndarray) -> Worst:
        rows = [wrong(outputs, target, facts, int(row)) for row in order[:most] if share[row] > 0]
        return Worst(title, note, "None: every pixel of every row is right.", rows)

    return [
        shown(
            "Least overlap",
            "The images with the lowest mean IoU: look here first for wrong masks.",
            np.argsort(np.nan_to_num(iou, nan=2.0), kind="stable"),
        ),
        shown(
            "Most pixels wrong",
            "The images with the largest share of wrong pixels.",
            np.argsort(-share, kind="stable"),
        ),
        shown("Least sure", "Images of whose pixels the model is least sure.", np.argsort(sure, kind="stable")),
    ]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return every class of which pixels are taken for another in words, with its rows, the most pixels first.

    Rows of which a hundredth of the pixels are so, int64 [n], those with the most of them first.
    """
    found, true, classes = mask.masks(outputs), np.asarray(target), len(facts["classes"])
    matrices = np.stack([mask.confusion(own, other, classes) for own, other in zip(found, true, strict=True)])
    number = np.maximum(matrices.sum(axis=(1, 2)), 1)
    totals = matrices.sum(axis=0)
    pairs = [(int(a), int(b)) for a, b in np.argwhere(totals) if a != b]
    told = []
    for a, b in sorted(pairs, key=lambda pair: -totals[pair]):
        share = matrices[:, a, b] / number
        rows = np.argsort(-share, kind="stable")
        rows = rows[share[rows] >= FEW]
        if len(rows):
            told.append((f"{facts['classes'][a]} taken for {facts['classes'][b]}", rows))
    return told
