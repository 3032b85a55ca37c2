"""What a page shows of answers that are masks: overlap of each class, confusion by pixels, the worst images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import class_table, style
from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation.figures import confusions
from chainrule.evaluation.mistakes.mask import overlaps, wrong
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.mask import border, confusion, masks, metrics, statistics
from chainrule.evaluation.shown import Cell, Picture, Table, Word, Worst
from chainrule.fields.mask import IGNORED, palette

BESIDE = ("mean_iou", "mean_dice", "pixel_accuracy", "boundary_iou")
"""Scores that are drawn beside the floors' scores."""
MOST_BARS = 30
CONFUSED = 10
SHOWN = 6
"""Images that are drawn with what is said and what is true."""
COLUMNS = {"iou": "IoU", "dice": "Dice", "boundary_iou": "boundary IoU", "precision": "precision", "recall": "recall"}
DISTANCES = (1, 2, 4, 8, 16, 32)
"""Pixels from a border between classes, up to which errors are counted."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` places uint8 [N, H, W]."""
    classes, found, true = facts["classes"], masks(outputs), np.asarray(target)
    iou = metrics(statistics(outputs, target, facts).sum(axis=0), facts)["iou"]
    matrix = confusion(found, true, len(classes))
    return [
        Picture(
            "worst_masks",
            "The test images with the least overlap: what is true, what is said, and where they differ",
            lambda path: side_by_side(outputs, true, facts, path),
        ),
        Picture(
            "pixel_confusion",
            "Confusion of the pixels of the test images",
            lambda path: confusions.matrix(matrix, classes, "pixels", path),
        ),
        Picture("classes", "IoU of each class on the test images", lambda path: bars(iou, classes, path), wide=False),
        Picture(
            "boundary",
            "Share of wrong pixels by their distance from a border between classes",
            lambda path: by_distance(found, true, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the classes, and of which pixels are taken for which; scores: those of the test rows."""
    classes, per_class = facts["classes"], scores["per_class"]
    numbered = class_labels.numbered(classes)
    rows: list[list[Cell]] = []
    for number, (name, entry) in enumerate(per_class.items(), 1):
        own: list[Cell] = [entry[key] for key in COLUMNS] if entry["support"] else []
        last = f"{entry['support']:,}" if entry["support"] else "no test pixels"
        rows.append([*([f"#{number}"] if numbered else []), Word(name), *own, last])
    heads = [*([""] if numbered else []), Word("class"), *COLUMNS.values(), "pixels"]
    found = [Table("Classes", heads, rows, tall=len(classes) > class_labels.MANY)]
    matrix = confusion(masks(outputs), np.asarray(target), len(classes))
    off = matrix - np.diag(np.diag(matrix))
    order = [divmod(int(at), len(classes)) for at in np.argsort(-off, axis=None, kind="stable")[:CONFUSED]]
    lines = [
        (
            Word(classes[a]),
            Word(classes[b]),
            f"{off[a, b]:,} of {matrix[a].sum():,} ({off[a, b] / matrix[a].sum():.1%})",
        )
        for a, b in order
        if off[a, b]
    ]
    if lines:
        found.append(Table("Most confused", (Word("true class"), Word("taken for"), "pixels"), lines))
    return found


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    error = scores["pixel_accuracy"]["value"]
    said = [] if error is None else [f"The pixel error is {1 - error:.2%}."]
    return [*said, "Pixels of no class are in no score; the overlap of a class is of all test pixels together."]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return class_table.warnings("class", scores["per_class"])


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, those with the least mean IoU first."""
    iou = np.nan_to_num(overlaps(outputs, target, facts), nan=2.0)
    order = [int(row) for row in np.argsort(iou, kind="stable")[:most] if iou[row] < 1]
    return Worst(
        "Least overlap",
        "The test images with the lowest mean IoU: look here first for wrong masks. Below an image: the classes with "
        "the most pixels that are said in vain; in truth: those with the most that are missed; shares of the image.",
        "None: every pixel of every test image is right.",
        [wrong(outputs, target, facts, row) for row in order],
    )


def coloured(places: np.ndarray, facts: Facts) -> np.ndarray:
    """Return places uint8 [H, W] in the colours of their classes, uint8 [H, W, 3]; what is of no class is grey."""
    colours = facts.get("colours") or palette(len(facts["classes"]))
    table = np.full((256, 3), 128, np.uint8)
    table[: len(colours)] = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours]
    return np.asarray(table[places])


def side_by_side(outputs: Outputs, true: np.ndarray, facts: Facts, path: Path) -> None:
    """Draw the images with the least overlap: true masks, what is said, and where these differ."""
    from matplotlib.patches import Patch

    found = masks(outputs)
    iou = np.nan_to_num(overlaps(outputs, true, facts), nan=2.0)
    rows = np.argsort(iou, kind="stable")[:SHOWN].tolist()
    high, wide = true.shape[1:]
    each = style.WIDE / 3
    figure, _ = style.house_figure(style.WIDE, 0.9 + len(rows) * each * min(1.6, high / wide))
    figure.clear()
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        marked = true[row] != IGNORED
        off = np.where(marked & (found[row] != true[row]), 255, 0).astype(np.uint8)
        off = np.where(marked, off, 128).astype(np.uint8)
        shown = (
            ("true", coloured(true[row], facts)),
            (f"said, IoU {iou[row]:.3f}", coloured(found[row], facts)),
            (f"wrong, {(off == 255).sum() / max(1, marked.sum()):.1%}", np.repeat(off[..., None], 3, axis=2)),
        )
        for panel, (title, pixels) in zip(line, shown, strict=True):
            panel.imshow(pixels, interpolation="nearest")
            panel.set_axis_off()
            panel.set_title(title, loc="left", size=9, color=style.INK)
    names = class_labels.drawn(facts["classes"])
    squares = coloured(np.arange(len(names), dtype=np.uint8)[None], facts)[0] / 255
    if len(names) <= MOST_BARS:
        legend = figure.legend(
            [Patch(facecolor=tuple(each)) for each in squares], names, ncols=min(6, len(names)), fontsize=8,
            loc="outside lower left", frameon=False,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set(**class_labels.look(facts["classes"]))
    style.save(figure, path)


def bars(iou: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw IoU [C] of each class, the lowest last; of more than 30 the 30 lowest."""
    tested = [int(place) for place in np.argsort(-iou, kind="stable") if not np.isnan(iou[place])]
    places = tested[-MOST_BARS:]
    figure, axes = style.house_figure(style.HALF, max(2.2, 1.2 + 0.24 * len(places)))
    axes.barh(range(len(places)), iou[places], height=0.7, color=style.BLUE)
    names = class_labels.drawn(classes)
    axes.set_yticks(range(len(places)), [names[place] for place in places], **class_labels.look(classes), size=8)
    axes.set(xlim=(0, 1.12), ylim=(len(places) - 0.4, -0.6), xlabel="intersection over union")
    for line, place in enumerate(places):
        axes.annotate(f"{iou[place]:.3f}", (iou[place], line), (3, 0), textcoords="offset points", va="center", size=8)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    said = f"the lowest {len(places)} of {len(classes)} classes" if len(places) < len(tested) else "every class"
    style.title(axes, "IoU of each class", said)
    style.save(figure, path)


def distances(found: np.ndarray, true: np.ndarray) -> list[tuple[int, int]]:
    """Return wrong and all marked pixels of masks [N, H, W] within each of DISTANCES of a border, and those beyond."""
    counts = np.zeros((len(DISTANCES) + 1, 2), np.int64)
    for own, other in zip(found, true, strict=True):
        marked = other != IGNORED
        off = marked & (own != other)
        left = marked.copy()
        for at, far in enumerate(DISTANCES):
            near = np.zeros_like(marked)
            for place in np.unique(other[marked]).tolist():
                # The edge of an image is no border between classes.
                near |= _near(other == place, far)
            near &= left
            counts[at] += (off & near).sum(), near.sum()
            left &= ~near
        counts[-1] += (off & left).sum(), left.sum()
    return [(int(off), int(every)) for off, every in counts]


def _near(mask: np.ndarray, far: int) -> np.ndarray:
    padded = np.pad(mask, far, mode="edge")
    inner: np.ndarray = border(padded, far)[far:-far, far:-far]
    return inner


def by_distance(found: np.ndarray, true: np.ndarray, path: Path) -> None:
    """Draw the share of wrong pixels by their distance from the nearest border between true classes."""
    counts = distances(found, true)
    edges = [0, *DISTANCES]
    names = [
        f"{low + 1} to {high}" if high > low + 1 else f"{high}" for low, high in zip(edges, DISTANCES, strict=False)
    ]
    names.append(f"over {DISTANCES[-1]}")
    shares = [off / max(1, every) for off, every in counts]
    figure, axes = style.house_figure(style.HALF, style.HALF * 0.8)
    axes.bar(range(len(shares)), shares, color=style.BLUE, width=0.75)
    for place, (share, (_, every)) in enumerate(zip(shares, counts, strict=True)):
        if every:
            axes.annotate(f"{share:.1%}", (place, share), (0, 3), textcoords="offset points", ha="center", size=8)
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel="pixels from a border between classes", ylabel="wrong")
    axes.yaxis.set_major_formatter(style.percents())
    near, every = counts[0][0] + counts[1][0], max(1, sum(off for off, _ in counts))
    style.title(axes, "Errors by distance", f"{near / every:.0%} of the wrong pixels lie within 2 of a border")
    style.save(figure, path)
