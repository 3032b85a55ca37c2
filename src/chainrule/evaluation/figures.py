"""Pictures of one model as PNG files: the same numbers give the same bytes.

Colours are those of Okabe and Ito (2008, "Color universal design"), which colour-blind readers can tell
apart. matplotlib is used through Figure objects alone, so there is no global state and no display.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.scores import CALIBRATION_BINS, calibration_bins

_LABELLED_CELLS = 20
_LABELLED_CURVES = 10
_LABELLED_CLASSES = 40


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Counts of true (rows) against predicted classes (columns), int [N] each, coloured by the share of the
    true class.

    Cells carry numbers up to 20 classes; above, the colour scale is stretched so that rare mistakes still
    show, and above 40 classes only every few names are written.
    """
    classes = len(class_names)
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.2 + 0.52 * classes, 4.2, 9))
    figure, axes = style.house_figure(side + 1.2, side)
    numbered = classes <= _LABELLED_CELLS
    image = axes.imshow(share, cmap=style.blues(), norm=style.shares(1 if numbered else 0.4), interpolation="nearest")
    if numbered:
        size = 12 if classes <= 4 else 9 if classes <= 12 else 6.5
        for row in range(classes):
            for column in range(classes):
                if counts[row, column]:
                    tone = "white" if share[row, column] > 0.5 else style.INK
                    axes.text(
                        column,
                        row,
                        f"{counts[row, column]:,}",
                        ha="center",
                        va="center",
                        size=size,
                        color=tone,
                    )
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
    axes.grid(visible=False, which="major")
    step = 1 if classes <= _LABELLED_CLASSES else -(-classes // 25)
    shown = range(0, classes, step)
    names = [style.short(class_names[number]) for number in shown]
    upright = classes > 4 and max(len(name) for name in names) > 3
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if upright else {}
    axes.set_xticks(shown, names, **slant)
    axes.set_yticks(shown, names)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right = int(np.trace(counts))
    style.title(
        axes,
        "Confusion matrix",
        f"{right:,} of {len(labels):,} rows right; a row of the matrix is a true class",
    )
    marks = [0, 0.25, 0.5, 0.75, 1] if numbered else [0, 0.01, 0.05, 0.2, 0.5, 1]
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.03, aspect=22, ticks=marks, format=style.percents())
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=style.FAINT)
    bar.set_label("share of the true class", color=style.FAINT)
    style.save(figure, path)


def roc_curves(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Receiver operating characteristic of the last of two classes, or of each class against the rest.

    `labels` int [N], `probabilities` [N, C]. Above 10 classes the curves are drawn alike and the five least
    areas named; a class without rows, or with all of them, has no curve. Where every curve has risen to 97%
    early, only that corner is shown, and the subtitle says so.
    """
    from sklearn.metrics import auc, roc_curve

    classes = len(class_names)
    curves = []
    for number in [1] if classes == 2 else range(classes):
        positive = labels == number
        if 0 < positive.sum() < len(labels):
            false, true, _ = roc_curve(positive, probabilities[:, number], drop_intermediate=True)
            curves.append((float(auc(false, true)), class_names[number], false, true))
    curves.sort(key=lambda curve: curve[0])
    figure, axes = style.house_figure(6.4, 5.4)
    edge, bottom = _corner(curves)
    if edge == 1:
        axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
        axes.text(0.3, 0.28, "guessing", rotation=45, rotation_mode="anchor", va="top", color=style.FAINT, size=9)
    many = len(curves) > _LABELLED_CURVES
    for place, (area, name, false, true) in enumerate(curves):
        if many:
            named = place < 5
            look: dict[str, Any] = {
                "color": style.PALETTE[place] if named else "#b8c2cc",
                "linewidth": 1.8 if named else 0.7,
                "alpha": 1.0 if named else 0.6,
                "zorder": 4 if named else 2,
            }
        else:
            named, look = (
                True,
                {
                    "color": style.PALETTE[place % len(style.PALETTE)],
                    "linestyle": "-" if place < len(style.PALETTE) else (0, (5, 1.5)),
                    "linewidth": 1.8,
                    "zorder": 10 - place / 10,
                },
            )
        axes.plot(false, true, label=f"{area:.4f}  {style.short(name)}" if named else None, **look)
    if curves:
        heading = "lowest five areas" if many else "area under the curve"
        axes.legend(title=heading, loc="lower right", frameon=False, alignment="left", handlelength=1.6)
    axes.set(xlim=(-0.01 * edge, edge), ylim=(bottom, 1 + 0.01 * (1 - bottom)))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.xaxis.set_major_formatter(style.percents())
    axes.yaxis.set_major_formatter(style.percents())
    axes.xaxis.set_major_locator(style.few_ticks())
    what = (
        f"{style.short(class_names[-1])} against {style.short(class_names[0])}"
        if classes == 2
        else "each class against the rest"
    )
    areas = [curve[0] for curve in curves]
    mean = f"; mean area {np.mean(areas):.4f}" if len(areas) > 1 else ""
    part = f"; the corner up to {edge:.0%} false positives" if edge < 1 else ""
    style.title(axes, "ROC curves" if classes > 2 else "ROC curve", what + mean + part)
    style.save(figure, path)


def reliability_diagram(labels: np.ndarray, probabilities: np.ndarray, path: Path) -> None:
    """Accuracy against confidence in the 15 bins of the calibration error, above the number of rows in each
    bin.

    `labels` int [N], `probabilities` [N, C] (Guo et al. 2017, figure 1).
    """
    bins = calibration_bins(labels, probabilities)
    count, confidence, accuracy = bins["count"], bins["confidence"], bins["accuracy"]
    error = float(np.nansum(count * np.abs(accuracy - confidence)) / count.sum())
    left, width = np.arange(CALIBRATION_BINS) / CALIBRATION_BINS, 1 / CALIBRATION_BINS
    figure, (above, below) = style.house_figure(6.4, 6.2, rows=2, height_ratios=(3.2, 1), sharex=True)
    some = count > 0
    above.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)), zorder=3)
    common = np.fmin(accuracy, confidence)
    above.bar(left, np.nan_to_num(common), width * 0.92, align="edge", color=style.BLUE, zorder=2)
    for more, tone, name in (
        (confidence - common, "#f3c27a", "more confident than right"),
        (accuracy - common, "#a9d3ee", "more right than confident"),
    ):
        height, base = np.nan_to_num(more), np.nan_to_num(common)
        above.bar(left, height, width * 0.92, bottom=base, align="edge", color=tone, label=name, zorder=2)
    above.set(ylim=(0, 1.02), ylabel="accuracy in the bin")
    above.yaxis.set_major_formatter(style.percents())
    above.legend(loc="upper left", edgecolor="none", framealpha=0.9)
    style.title(
        above,
        "Reliability",
        f"expected calibration error {error:.3f} over {CALIBRATION_BINS} bins, {count.sum():,} rows",
    )
    below.bar(left, count, width * 0.92, align="edge", color="#9aa7b4", zorder=2)
    for place in np.flatnonzero(some):
        below.annotate(
            style.compact(count[place]), (left[place] + width / 2, count[place]), (0, 2),
            textcoords="offset points", ha="center", size=7.5, color=style.FAINT,
        )  # fmt: skip
    below.set(xlim=(0, 1), ylim=(0, count.max() * 1.22), ylabel="rows", xlabel="confidence (largest probability)")
    below.xaxis.set_major_formatter(style.percents())
    below.set_yticks([])
    below.grid(visible=False)
    style.save(figure, path)


def learning_curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Loss, accuracy and learning rate by epoch, pretraining and fine-tuning side by side with their own
    scales.

    `history` in the order of training: {"phase": "pretrain" | "finetune", "epoch" (from 1), "train_loss",
    "validation_loss", "validation_accuracy" (each a number or None), "learning_rate", "best"}; other keys are
    ignored. The last epoch that is `best`, whose weights were kept, has rings. Raises ValueError when it is empty.
    """
    phases = [(phase, title) for phase, title in _PHASES if any(epoch["phase"] == phase for epoch in history)]
    if not phases:
        raise ValueError("a learning curve needs at least one epoch")
    accuracies = any(epoch.get("validation_accuracy") is not None for epoch in history)
    keys = ("loss", "accuracy", "rate") if accuracies else ("loss", "rate")
    ratios = {"loss": 2.2, "accuracy": 1.6, "rate": 0.8}
    figure, grid = style.house_figure(
        4.6 * len(phases) + 1.8,
        1.6 + 1.15 * sum(ratios[key] for key in keys),
        rows=len(keys),
        columns=len(phases),
        height_ratios=[ratios[key] for key in keys],
        sharex="col",
        squeeze=False,
    )
    for column, (phase, title) in enumerate(phases):
        epochs = [epoch for epoch in history if epoch["phase"] == phase]
        panels = dict(zip(keys, grid[:, column], strict=True))
        last = max(epoch["epoch"] for epoch in epochs)
        kept = _kept(epochs)
        ringed = f"; the weights of epoch {kept['epoch']}, ringed, are kept" if kept and last > 1 else ""
        style.title(panels["loss"], title, f"{last} epoch{'s' if last > 1 else ''}{ringed}")
        lines = [
            _curve(panels["loss"], epochs, "train_loss", style.BLUE),
            _curve(panels["loss"], epochs, "validation_loss", style.RED),
        ]
        if kept:
            _ring(panels["loss"], kept["epoch"], kept["validation_loss"], style.RED)
        names = [f"{name} {value:.3g}" for name, value in zip(("training", "validation"), lines, strict=True) if value]
        _end_labels(panels["loss"], [value for value in lines if value], names, (style.BLUE, style.RED), last)
        _curve(panels["rate"], epochs, "learning_rate", style.FAINT)
        panels["rate"].set_ylim(bottom=0)
        panels["rate"].yaxis.set_major_locator(style.few_ticks())
        panels["rate"].yaxis.set_major_formatter(style.powers())
        if accuracies:
            _accuracy_panel(panels["accuracy"], epochs, last)
        panels["rate"].set_xlabel("epoch")
        panels["rate"].set_xlim(0.5, last + 0.5 + 0.3 * last)
        panels["rate"].xaxis.set_major_locator(style.whole_numbers(last))
    for panel, label in zip(grid[:, 0], [{"rate": "learning rate"}.get(key, key) for key in keys], strict=True):
        panel.set_ylabel(label)
    style.save(figure, path)


def scores_beside_floors(scores: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Value and 95% interval of each score, the model's beside every floor's, one panel per score.

    `scores` and each of `floors` (by name) are results of classification_scores; a score that is undefined is
    left blank.
    """
    rows = [("model", scores), *((name.replace("_", " "), floor) for name, floor in floors.items())]
    figure, grid = style.house_figure(10.4, 1.0 + 2 * (0.72 + 0.3 * len(rows)), rows=2, columns=3, sharey=True)
    for place, (axes, (key, title, better)) in enumerate(zip(grid.ravel(), _SHOWN_SCORES, strict=True)):
        for line, (_, result) in enumerate(rows):
            entry, tone = result[key], style.BLUE if line == 0 else "#8a96a3"
            if entry["value"] is None:
                continue
            axes.plot(
                [entry["low"], entry["high"]],
                [line, line],
                color=tone,
                linewidth=3,
                solid_capstyle="butt",
                alpha=0.45,
            )
            axes.plot(entry["value"], line, "o", color=tone, markersize=7 if line == 0 else 6, zorder=4)
            axes.annotate(
                f"{entry['value']:.3f}", (entry["value"], line), (0, 6),
                textcoords="offset points", ha="center",
                size=8.5, color=style.INK if line == 0 else style.FAINT,
                weight="bold" if line == 0 else "normal",
            )  # fmt: skip
        axes.set(ylim=(len(rows) - 0.5, -0.75))
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.17)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(style.few_ticks())
        axes.set_title(f"{title}  ({better} is better)", loc="left", size=10, color=style.INK)
        if place % 3 == 0:
            axes.get_yticklabels()[0].set(weight="bold", color=style.BLUE)
    sizes = f"{scores['rows']:,} test rows"
    if scores["groups"] < scores["rows"]:
        sizes += f" in {scores['groups']:,} groups"
    title = f"Model beside its floors: value and 95% interval, {sizes}"
    figure.suptitle(title, x=0.012, ha="left", size=12, weight="bold", color=style.INK)
    style.save(figure, path)


_PHASES = (("pretrain", "Pretraining"), ("finetune", "Fine-tuning"))
_SHOWN_SCORES = (
    ("accuracy", "Accuracy", "higher"),
    ("macro_f1", "Macro F1", "higher"),
    ("roc_auc", "ROC area", "higher"),
    ("macro_recall", "Macro recall", "higher"),
    ("log_loss", "Log-loss", "lower"),
    ("expected_calibration_error", "Calibration error", "lower"),
)


def _corner(curves: Sequence[tuple[Any, ...]]) -> tuple[float, float]:
    """How far right and from how low to show the ROC curves: (1, 0) unless all rise to 97% by a fifth."""
    for edge in (0.01, 0.02, 0.05, 0.1, 0.2):
        if curves and all(np.interp(edge, false, true) >= 0.97 for *_, false, true in curves):
            start = min(float(np.interp(edge / 50, false, true)) for *_, false, true in curves)
            return edge, float(np.floor(start * 10) / 10) if start < 0.9 else 0.9
    return 1.0, 0.0


def _curve(axes: Any, epochs: Sequence[Mapping[str, Any]], key: str, color: str) -> float | None:
    """Draw one quantity by epoch; its last value, None when there is none."""
    points = [(epoch["epoch"], epoch[key]) for epoch in epochs if epoch.get(key) is not None]
    if not points:
        return None
    marker = "o" if len(points) <= 30 else ""
    axes.plot(*zip(*points, strict=True), color=color, linewidth=1.8, marker=marker, markersize=3.5)
    return float(points[-1][1])


def _kept(epochs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the epoch whose weights the model has: the last that had the least validation loss until then."""
    return next((epoch for epoch in reversed(epochs) if epoch.get("best")), None)


def _ring(axes: Any, epoch: int, value: float, color: str) -> None:
    axes.plot(epoch, value, "o", markersize=9, markerfacecolor="none", markeredgecolor=color)


def _accuracy_panel(axes: Any, epochs: Sequence[Mapping[str, Any]], last: int) -> None:
    if _curve(axes, epochs, "validation_accuracy", style.GREEN) is None:
        axes.text(0.5, 0.5, "no accuracy in this phase", transform=axes.transAxes, ha="center", color=style.FAINT)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        return
    known = [epoch for epoch in epochs if epoch.get("validation_accuracy") is not None]
    kept = _kept(known)
    said = "validation"
    if kept:
        _ring(axes, kept["epoch"], kept["validation_accuracy"], style.GREEN)
        said += f"\nkept: {kept['validation_accuracy']:.1%}\nof epoch {kept['epoch']}"
    axes.yaxis.set_major_formatter(style.percents())
    _end_labels(
        axes,
        [known[-1]["validation_accuracy"]],
        [said],
        (style.GREEN,),
        last,
    )


def _end_labels(axes: Any, values: Sequence[float], names: Sequence[str], colors: Sequence[str], last: int) -> None:
    """Write each line's name right of its end, moved apart where two ends lie close together."""
    low, high = axes.get_ylim()
    heights = [(value - low) / (high - low) for value in values]
    if len(heights) == 2 and abs(heights[0] - heights[1]) < 0.12:
        up = int(heights[1] >= heights[0])
        middle = float(np.clip(sum(heights) / 2, 0.06, 0.94))
        heights[up], heights[1 - up] = middle + 0.06, middle - 0.06
    for height, name, color in zip(heights, names, colors, strict=False):
        axes.annotate(
            name,
            (last, low + height * (high - low)),
            (7, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=color,
        )
