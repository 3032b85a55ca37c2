"""What a page shows of boxes: precision and recall of each class, mistakes by kind, the worst images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import class_table, style
from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation.mistakes import boxes as mistakes
from chainrule.evaluation.mistakes.boxes import KINDS, Row
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.boxes import curves
from chainrule.evaluation.shown import Cell, Picture, Table, Word, Worst

BESIDE = ("mean_average_precision", "ap50", "ap75", "average_recall")
"""Scores that are drawn beside the floors' scores."""
MOST_CURVES, MOST_BARS = 8, 30
COLUMNS = {"average_precision": "mAP@[.5:.95]", "ap50": "AP50", "ap75": "AP75", "recall": "recall"}
COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.RED)


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` float [N, M, 6]."""
    found = mistakes.rows(outputs, target, facts)
    lines = curves(outputs, target, facts)
    return [
        Picture(
            "precision_recall",
            "Precision and recall of each class, over all scores, at an overlap of a half",
            lambda path: precision_recall(lines, facts["classes"], path),
            wide=False,
        ),
        Picture(
            "mistakes",
            "Mistakes of the boxes that are shown, by their kind",
            lambda path: by_kind(found, facts["classes"], path),
            wide=False,
        ),
    ]


def precision_recall(lines: Sequence[tuple[np.ndarray, np.ndarray] | None], classes: Sequence[str], path: Path) -> None:
    """Draw precision over recall at an overlap of a half; of more classes than MOST_CURVES those with the most area."""
    areas = [np.nan if line is None else float(np.trapezoid(*(each[0] for each in line))) for line in lines]
    tested = [place for place, line in enumerate(lines) if line is not None]
    places = sorted(tested, key=lambda place: -areas[place])[:MOST_CURVES]
    figure, axes = style.house_figure(style.HALF, style.HALF * 0.8)
    names = class_labels.drawn(classes)
    for turn, place in enumerate(places):
        line = lines[place]
        assert line is not None
        precision, recall = (np.concatenate([[first], each[0]]) for first, each in zip((1.0, 0.0), line, strict=True))
        look = {"color": COLOURS[turn % len(COLOURS)], "label": names[place], "linewidth": 1.5}
        axes.step(recall, precision, where="post", **look)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="recall", ylabel="precision")
    if places:
        legend = axes.legend(fontsize=8, frameon=False, loc="lower left")
        for text in legend.get_texts():
            text.set(**class_labels.look(classes))
    said = f"the {len(places)} best of {len(tested)} classes" if len(places) < len(tested) else "every class"
    style.title(axes, "Precision and recall", f"{said}; a box is right from an overlap of a half on")
    style.save(figure, path)


def by_kind(found: Sequence[Row], classes: Sequence[str], path: Path) -> None:
    """Draw how often each kind of mistake is made."""
    often = mistakes.counted(found)
    figure, axes = style.house_figure(style.HALF, style.HALF * 0.8)
    counts = [often.get(kind, 0) for kind in KINDS]
    axes.barh(range(len(KINDS)), counts, height=0.7, color=style.BLUE)
    axes.set_yticks(range(len(KINDS)), list(KINDS))
    axes.set(ylim=(len(KINDS) - 0.4, -0.6), xlim=(0, max(1, *counts) * 1.15), xlabel="boxes")
    for line, count in enumerate(counts):
        axes.annotate(f"{count:,}", (count, line), (3, 0), textcoords="offset points", va="center", size=8)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    shown = sum(len(row.said.labels) for row in found)
    style.title(axes, "Mistakes by kind", f"of {shown:,} boxes shown, and true ones that are missed")
    style.save(figure, path)


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the classes, and the mistakes by kind and class; scores: those of the test rows."""
    classes, per_class = facts["classes"], scores["per_class"]
    found = mistakes.rows(outputs, target, facts)
    numbered = class_labels.numbered(classes)
    lines: list[list[Cell]] = []
    for number, (name, entry) in enumerate(per_class.items(), 1):
        own: list[Cell] = [entry[key] for key in COLUMNS] if entry["support"] else []
        last = f"{entry['support']:,}" if entry["support"] else "no test boxes"
        lines.append([*([f"#{number}"] if numbered else []), Word(name), *own, last])
    heads = [*([""] if numbered else []), Word("class"), *COLUMNS.values(), "boxes"]
    of_classes = Table("Classes", heads, lines, tall=len(classes) > class_labels.MANY)
    kinds = [(kind, f"{count:,}", KINDS[kind]) for kind in KINDS if (count := mistakes.counted(found)[kind])]
    note = f"Boxes are shown from a score of {facts['threshold']:.2f} on, by the validation rows." if kinds else ""
    return [
        of_classes,
        Table("Kinds of mistakes", ("kind", "boxes", "what it is"), kinds, [note] if note else []),
        *_by_class(found, classes),
    ]


def _by_class(found: Sequence[Row], classes: Sequence[str]) -> list[Table]:
    often: Counter[tuple[int, str]] = Counter()
    for row in found:
        for error in row.errors:
            label = row.true[error.true, 4] if error.kind == "missed" else row.said.labels[error.said]
            often[int(label), error.kind] += 1
    if not often:
        return []
    met = sorted({label for label, _ in often}, key=lambda label: -sum(often[label, kind] for kind in KINDS))
    lines = [(Word(classes[label]), *(f"{often[label, kind]:,}" for kind in KINDS)) for label in met[:MOST_BARS]]
    note = "By the class that was said, and of what is missed by its own."
    return [Table("Mistakes by class", (Word("class"), *KINDS), lines, [note])]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    return ["Average precision as COCO's evaluation has it: boxes of any area, at most 100 of an image."]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return class_table.warnings("class", scores["per_class"])


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, those with the smallest share of right boxes first."""
    sheet = mistakes.sheets(outputs, target, facts, most)[0]
    note = (
        "The test images of whose boxes the smallest share is right: look here first for wrong boxes. Green: right; "
        "red: wrong; dashed: true, and orange where it is missed."
    )
    return sheet._replace(note=note, none="None: every box of every test image is right.")
