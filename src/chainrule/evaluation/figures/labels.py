"""What a page shows of answers that are a set of labels: F1 of each, precision against recall, the worst sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import class_table, style
from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.labels import chosen, metrics, probabilities, statistics
from chainrule.evaluation.shown import Picture, Table, Worst, Wrong

BESIDE = ("macro_f1", "micro_f1", "mean_average_precision", "macro_precision", "macro_recall", "log_loss")
"""Scores that are drawn beside the floors' scores."""
MOST_BARS = 30
MOST_CURVES = 6


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` [N, C] of 0 and 1."""
    classes, true, chances = facts["classes"], np.asarray(target) > 0.5, probabilities(outputs)
    f1 = metrics(statistics(outputs, target, facts).sum(axis=0), facts)["f1"]
    given = chosen(outputs, facts)
    return [
        Picture("labels", "F1 of each label on the test rows", lambda path: f1_bars(f1, classes, path), wide=False),
        Picture(
            "precision_recall",
            "Precision against recall on the test rows",
            lambda path: precision_recall(true, chances, given, classes, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the labels; scores: those of the test rows."""
    columns = {**class_table.COLUMNS, "average_precision": "average precision"}
    return [class_table.table("Labels", "label", scores["per_class"], columns)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    return ["A label is given from its own threshold on, which validation rows have told."]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return class_table.warnings("label", scores["per_class"])


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows with a wrong set, those first whose wrong label the model was surest of."""
    classes, true, chances = facts["classes"], np.asarray(target) > 0.5, probabilities(outputs)
    given = chosen(outputs, facts)
    off = np.where(given == true, 0, np.abs(true - chances))
    rows = np.flatnonzero((given != true).any(axis=1))
    order = rows[np.argsort(-off[rows].max(axis=1), kind="stable")[:most]]

    def wrong(row: int) -> Wrong:
        place = int(off[row].argmax())
        detail = f"({classes[place]}: {chances[row, place]:.1%})"
        return Wrong(row, _named(given[row], classes), detail, _named(true[row], classes))

    return Worst(
        "Worst mistakes",
        "The wrong sets, those first whose wrong label the model was surest of: look here first for wrong labels.",
        "None: every test row was given just its labels.",
        [wrong(int(row)) for row in order],
    )


def _named(flags: np.ndarray, classes: Sequence[str]) -> str:
    return ", ".join(classes[place] for place in np.flatnonzero(flags).tolist()) or "no label"


def f1_bars(f1: np.ndarray, classes: Sequence[str], path: Path) -> None:
    """Draw F1 [C] of each label, the lowest last; of more than 30 labels the 30 lowest."""
    tested = [int(place) for place in np.argsort(-f1, kind="stable") if not np.isnan(f1[place])]
    places = tested[-MOST_BARS:]
    figure, axes = style.house_figure(style.HALF, max(2.2, 1.2 + 0.24 * len(places)))
    axes.barh(range(len(places)), f1[places], height=0.7, color=style.BLUE)
    names = class_labels.drawn(classes)
    axes.set_yticks(range(len(places)), [names[place] for place in places], **class_labels.look(classes), size=8)
    axes.set(xlim=(0, 1.12), ylim=(len(places) - 0.4, -0.6), xlabel="F1")
    for line, place in enumerate(places):
        axes.annotate(f"{f1[place]:.3f}", (f1[place], line), (3, 0), textcoords="offset points", va="center", size=8)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    said = (
        f"the lowest {len(places)} of {len(classes)} labels" if len(places) < len(tested) else f"{len(places)} labels"
    )
    style.title(axes, "F1 of each label", said)
    style.save(figure, path)


def precision_recall(
    true: np.ndarray, chances: np.ndarray, given: np.ndarray, classes: Sequence[str], path: Path
) -> None:
    """Draw precision against recall over all thresholds, and where the thresholds in force lie, ringed.

    true, given: bool [N, C]; chances: [N, C]. All cells together, and the labels with the least area.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, axes = style.house_figure(style.HALF, style.HALF)
    tested = [place for place in range(len(classes)) if true[:, place].any()]
    areas = {place: float(average_precision_score(true[:, place], chances[:, place])) for place in tested}
    names = class_labels.drawn(classes)
    lowest = sorted(tested, key=lambda place: areas[place])[:MOST_CURVES]
    curves = [(names[place], areas[place], true[:, place], chances[:, place], given[:, place]) for place in lowest]
    if true.any():
        everything = (true.ravel(), chances.ravel())
        area = float(average_precision_score(*everything))
        curves.append(("all labels together", area, *everything, given.ravel()))
    for place, (name, area, truth, chance, said) in enumerate(curves):
        precision, recall, _ = precision_recall_curve(truth, chance)
        tone = style.INK if place == len(curves) - 1 else style.PALETTE[place % len(style.PALETTE)]
        axes.plot(recall, precision, color=tone, linewidth=1.6, label=f"{area:.3f}  {name}")
        if said.any():
            hits = (truth & said).sum()
            axes.plot(hits / truth.sum(), hits / said.sum(), "o", markersize=8, markerfacecolor="none", color=tone)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percents())
    if curves:
        legend = axes.legend(fontsize=8, frameon=False, loc="upper right", title="average precision", title_fontsize=8)
        for text in legend.get_texts():
            text.set(**class_labels.look(classes))
    shown = (
        f"all labels together, and the {len(lowest)} with the least area"
        if len(tested) > MOST_CURVES
        else "every label"
    )
    style.title(axes, "Precision against recall", f"{shown}; rings: the thresholds in force")
    style.save(figure, path)
