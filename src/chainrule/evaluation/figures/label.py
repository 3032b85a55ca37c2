"""What a page shows of answers that are one label: confusions, ROC curves, reliability, scores of the classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import class_table, style
from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation.figures import confusions
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.label import CALIBRATION_BINS, calibration_bins, probabilities, said
from chainrule.evaluation.shown import Picture, Table, Word, Worst, Wrong

_LABELLED_CURVES = 10
BESIDE = ("accuracy", "macro_f1", "roc_auc", "macro_recall", "log_loss", "expected_calibration_error")
"""Scores that are drawn beside the floors' scores."""
CONFUSED = 10
_LEFT_TO_RIGHT = "\u200e"  # else a line turns round that has a name of a script from right to left


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` int64 [N]."""
    classes, chances = facts["classes"], probabilities(outputs)
    return [
        Picture(
            "confusion_matrix",
            "Confusion matrix of the test rows",
            lambda path: confusion_matrix(target, said(outputs), classes, path),
        ),
        Picture(
            "roc",
            "ROC curves of the test rows",
            lambda path: roc_curves(target, chances, classes, path),
            wide=False,
        ),
        Picture(
            "reliability",
            "Reliability of the probabilities on the test rows",
            lambda path: reliability_diagram(target, chances, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the classes, and which are taken for which; scores: those of the test rows."""
    found = [class_table.table("Classes", "class", scores["per_class"], class_table.COLUMNS)]
    if confused := most_confused(target, said(outputs), facts["classes"], CONFUSED):
        found.append(
            Table(
                "Most confused",
                (Word("true class"), Word("taken for"), "rows"),
                [
                    (Word(true), Word(taken), f"{rows:,} of {scores['per_class'][true]['support']:,}")
                    for true, taken, rows in confused
                ],
            )
        )
    return found


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    bins = "The calibration error has 15 equal-width bins; resampling inflates it"
    found = [f"{bins}, so its interval can lie above its value."]
    if undefined := scores["undefined_resamples"]["roc_auc"]:
        found.append(f"The ROC area is undefined in {undefined:,} resamples, which its interval leaves out.")
    return found


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return class_table.warnings("class", scores["per_class"])


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` wrong rows, the surest first."""
    classes, chances = facts["classes"], probabilities(outputs)
    return Worst(
        "Worst mistakes",
        "The wrong test rows the model was surest of: look here first for wrong labels.",
        "None: every test row was answered right.",
        [
            Wrong(int(row), classes[chances[row].argmax()], f"{chances[row].max():.1%}", classes[target[row]])
            for row in worst_mistakes(target, chances, most)
        ],
    )


def most_confused(
    labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], most: int
) -> list[tuple[str, str, int]]:
    """At most `most` pairs of classes (true, taken for, rows), the most frequent first (ties in class order).

    `labels` and `predicted` int [N].
    """
    classes = len(class_names)
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [(class_names[i], class_names[j], int(counts[i, j])) for i, j in pairs if counts[i, j]]


def worst_mistakes(labels: np.ndarray, chances: np.ndarray, most: int) -> np.ndarray:
    """Row numbers int64 of at most `most` wrong rows, the most confident first (ties in row order).

    `labels` int [N], `chances` [N, C].
    """
    wrong = np.flatnonzero(chances.argmax(axis=1) != labels)
    return wrong[np.argsort(-chances[wrong].max(axis=1), kind="stable")[:most]]


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Draw how many rows of each true class are said to be of each, int [N] both."""
    classes = len(class_names)
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    confusions.matrix(counts, class_names, "rows", path)


def roc_curves(labels: np.ndarray, chances: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Receiver operating characteristic of the last of two classes, or of each class against the rest.

    `labels` int [N], `chances` [N, C]. Above 10 classes the curves are drawn alike and the five least
    areas named; a class without rows, or with all of them, has no curve. Where every curve has risen to 97%
    early, only that corner is shown, and the subtitle says so.
    """
    classes = len(class_names)
    curves = _roc_curves(labels, chances)
    many = len(curves) > _LABELLED_CURVES
    figure, axes = style.house_figure(style.HALF, style.HALF)
    edge, bottom = _corner(curves)
    if edge == 1:
        axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
        axes.text(0.3, 0.28, "guessing", rotation=45, rotation_mode="anchor", va="top", color=style.FAINT, size=9)
    drawn = class_labels.drawn(class_names)
    for place, (area, number, false, true) in enumerate(curves):
        name = f"{_LEFT_TO_RIGHT}{area:.4f}  {drawn[number]}" if place < 5 or not many else None
        axes.plot(false, true, label=name, **_line(place, many))
    if curves:
        _legend(axes, "lowest five areas" if many else "area under the curve", class_labels.look(class_names))
    axes.set(xlim=(-0.01 * edge, edge), ylim=(bottom, 1 + 0.01 * (1 - bottom)))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.percents())
        axis.set_major_locator(style.few_ticks(6))
    first, last = (" ".join(drawn[number].split("\n")) for number in (0, -1))
    said = [f"{_LEFT_TO_RIGHT}{last} against {first}" if classes == 2 else "each class against the rest"]
    if len(curves) > 1:
        said[0] += f"; mean area {np.mean([area for area, *_ in curves]):.4f}"
    if edge < 1:
        said.append(f"the corner up to {edge:.0%} false positives")
    if not curves:
        said.append("no curve: all test rows are of one class")
    elif classes > 2 and len(curves) < classes:
        said.append(f"no curve for {classes - len(curves)} of {classes} classes, which have no test rows")
    heading = "ROC curves" if classes > 2 else "ROC curve"
    style.title(axes, heading, "\n".join(said), **class_labels.look(class_names))
    style.save(figure, path)


def _roc_curves(labels: np.ndarray, chances: np.ndarray) -> list[tuple[float, int, np.ndarray, np.ndarray]]:
    """(Area, class, false positive rates, true positive rates) of each class that has a curve, the least area first."""
    from sklearn.metrics import auc, roc_curve

    classes = chances.shape[1]
    curves = []
    for number in [1] if classes == 2 else range(classes):
        positive = labels == number
        if 0 < positive.sum() < len(labels):
            false, true, _ = roc_curve(positive, chances[:, number], drop_intermediate=True)
            curves.append((float(auc(false, true)), number, false, true))
    return sorted(curves, key=lambda curve: curve[0])


def _legend(axes: Any, heading: str, look: Mapping[str, Any]) -> None:
    legend = axes.legend(
        title=heading, loc="lower right", edgecolor="none", framealpha=0.85, alignment="left", handlelength=1.6,
        fontsize=9, title_fontsize=9,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set(**look)


def _line(place: int, many: bool) -> dict[str, Any]:
    """How the curve at this place is drawn, the one of least area first; with many, all but five are faint."""
    if many and place >= 5:
        return {"color": "#b8c2cc", "linewidth": 0.7, "alpha": 0.6, "zorder": 2}
    return {
        "color": style.PALETTE[place % len(style.PALETTE)],
        "linestyle": "-" if place < len(style.PALETTE) else (0, (5, 1.5)),
        "linewidth": 1.8,
        "zorder": 10 - place / 10,
    }


def reliability_diagram(labels: np.ndarray, chances: np.ndarray, path: Path) -> None:
    """Accuracy against confidence in the 15 bins of the calibration error, above the number of rows in each
    bin.

    `labels` int [N], `chances` [N, C] (Guo et al. 2017, figure 1).
    """
    bins = calibration_bins(labels, chances)
    count, confidence, accuracy = bins["count"], bins["confidence"], bins["accuracy"]
    error = float(np.nansum(count * np.abs(accuracy - confidence)) / count.sum())
    left, width = np.arange(CALIBRATION_BINS) / CALIBRATION_BINS, 1 / CALIBRATION_BINS
    figure, panels = style.house_mosaic(style.HALF, style.HALF, [["above"], ["below"]], heights=(3.2, 1))
    above, below = panels["above"], panels["below"]
    above.sharex(below)
    above.tick_params(labelbottom=False)
    above.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)), zorder=3)
    common = np.fmin(accuracy, confidence)
    above.bar(left, np.nan_to_num(common), width * 0.92, align="edge", color=style.BLUE, zorder=2)
    for more, tone, name in (
        (confidence - common, "#f3c27a", "more confident than right"),
        (accuracy - common, "#a9d3ee", "more right than confident"),
    ):
        height, base = np.nan_to_num(more), np.nan_to_num(common)
        above.bar(left, height, width * 0.92, bottom=base, align="edge", color=tone, label=name, zorder=2)
    above.set(ylim=(0, 1.16), ylabel="accuracy in the bin", yticks=np.linspace(0, 1, 6))
    above.yaxis.set_major_formatter(style.percents())
    above.legend(loc="upper left", frameon=False, fontsize=9, ncols=2)
    said = f"expected calibration error {error:.3f} over {CALIBRATION_BINS} bins, {count.sum():,} rows"
    style.title(above, "Reliability", said)
    below.bar(left, count, width * 0.92, align="edge", color="#9aa7b4", zorder=2)
    below.set(xlim=(0, 1), ylabel="rows", xlabel="confidence (largest probability)")
    below.xaxis.set_major_formatter(style.percents())
    below.yaxis.set_major_locator(style.few_ticks(3))
    below.yaxis.set_major_formatter(style.plain())
    style.save(figure, path)


def _corner(curves: Sequence[tuple[Any, ...]]) -> tuple[float, float]:
    """How far right and from how low to show the ROC curves: (1, 0) unless all rise to 97% by a fifth."""
    for edge in (0.01, 0.02, 0.05, 0.1, 0.2):
        if curves and all(np.interp(edge, false, true) >= 0.97 for *_, false, true in curves):
            start = min(float(np.interp(edge / 50, false, true)) for *_, false, true in curves)
            return edge, float(np.floor(start * 10) / 10) if start < 0.9 else 0.9
    return 1.0, 0.0
