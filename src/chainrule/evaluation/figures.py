"""Pictures of one model as PNG files: the same numbers give the same bytes.

Colours are those of Okabe and Ito (2008, "Color universal design"), which colour-blind readers can tell
apart. matplotlib is used through Figure objects alone, so there is no global state and no display.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation import style
from chainrule.evaluation.scores.label import CALIBRATION_BINS, calibration_bins

_LABELLED_CELLS = 20
_LABELLED_CURVES = 10
_LEFT_TO_RIGHT = "\u200e"  # else a line turns round that has a name of a script from right to left


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Counts of true (rows) against predicted classes (columns), int [N] each, coloured by the share of the
    true class.

    Cells carry numbers up to 20 classes; above, the colour scale is stretched so that rare mistakes still show. The
    axes carry names as far as `labels.on_axis` has them.
    """
    classes = len(class_names)
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(3.6 + 0.4 * classes, 4.6, style.WIDE - 1))
    cell = (side - 1.4) / classes
    figure, axes = style.house_figure(side + 1, side)
    in_cells = classes <= _LABELLED_CELLS
    image = axes.imshow(share, cmap=style.blues(), norm=style.shares(1 if in_cells else 0.4), interpolation="nearest")
    if in_cells:
        _write_counts(axes, counts, share, cell)
    axes.grid(visible=False, which="major")
    _name_axes(axes, class_names, cell)
    right = int(np.trace(counts))
    said = f"{right:,} of {len(labels):,} rows right; a row of the matrix is a true class"
    if class_labels.numbered(class_names):
        said += "\n#1, #2, …: the classes in their order, as the report lists them"
    style.title(axes, "Confusion matrix", said, room=int(14.5 * side))
    marks = [0, 0.25, 0.5, 0.75, 1] if in_cells else [0, 0.01, 0.05, 0.2, 0.5, 1]
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.03, aspect=22, ticks=marks, format=style.percents())
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=style.FAINT, labelsize=9)
    bar.set_label("share of the true class", color=style.FAINT, size=9)
    style.save(figure, path)


def _write_counts(axes: Any, counts: np.ndarray, share: np.ndarray, cell: float) -> None:
    """Write each count that is not 0 into its cell of so many inches; thousands where six digits would not fit."""
    classes = len(counts)
    for row, column in zip(*np.nonzero(counts), strict=True):
        count = int(counts[row, column])
        number = f"{count:,}" if count < 100_000 else f"{count / 1000:,.0f}k"
        size = float(np.clip(110 * cell / max(len(number), 3), 5, 12 if classes <= 4 else 9))
        tone = "white" if share[row, column] > 0.5 else style.INK
        axes.text(column, row, number, ha="center", va="center", size=size, color=tone)
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)


def _name_axes(axes: Any, class_names: Sequence[str], cell: float) -> None:
    """Name the classes on both axes of a matrix with cells of so many inches; slanted where they would collide."""
    shown = class_labels.on_axis(class_names)
    look = {**class_labels.look(class_names), "size": 9 if len(class_names) <= 20 else 8}
    crowded = max(map(class_labels.inches, shown.values())) > cell * np.diff(list(shown)).min()
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(list(shown), list(shown.values()), **look, **slant)
    axes.set_yticks(list(shown), list(shown.values()), **look)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


def roc_curves(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], path: Path) -> None:
    """Receiver operating characteristic of the last of two classes, or of each class against the rest.

    `labels` int [N], `probabilities` [N, C]. Above 10 classes the curves are drawn alike and the five least
    areas named; a class without rows, or with all of them, has no curve. Where every curve has risen to 97%
    early, only that corner is shown, and the subtitle says so.
    """
    classes = len(class_names)
    curves = _roc_curves(labels, probabilities)
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


def _roc_curves(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[float, int, np.ndarray, np.ndarray]]:
    """(Area, class, false positive rates, true positive rates) of each class that has a curve, the least area first."""
    from sklearn.metrics import auc, roc_curve

    classes = probabilities.shape[1]
    curves = []
    for number in [1] if classes == 2 else range(classes):
        positive = labels == number
        if 0 < positive.sum() < len(labels):
            false, true, _ = roc_curve(positive, probabilities[:, number], drop_intermediate=True)
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


def reliability_diagram(labels: np.ndarray, probabilities: np.ndarray, path: Path) -> None:
    """Accuracy against confidence in the 15 bins of the calibration error, above the number of rows in each
    bin.

    `labels` int [N], `probabilities` [N, C] (Guo et al. 2017, figure 1).
    """
    bins = calibration_bins(labels, probabilities)
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
    rows, heights = _learning_grid([phase for phase, _ in phases], history)
    figure, panels = style.house_mosaic(4.1 * len(phases) + 0.6, 1.4 + sum(heights), rows, heights)
    for phase, title in phases:
        epochs = [epoch for epoch in history if epoch["phase"] == phase]
        last = max(epoch["epoch"] for epoch in epochs)
        loss, rate = panels[f"{phase} loss"], panels[f"{phase} rate"]
        kept = _kept(epochs)
        ringed = f"; the weights of epoch {kept['epoch']}, ringed, are kept" if kept and last > 1 else ""
        style.title(loss, title, f"{last} epoch{'s' if last > 1 else ''}{ringed}", room=54)
        _loss_panel(loss, epochs, last)
        _curve(rate, epochs, "learning_rate", style.FAINT)
        rate.set_ylim(bottom=0)
        rate.yaxis.set_major_locator(style.few_ticks(3))
        rate.yaxis.set_major_formatter(style.powers())
        rate.set(xlabel="epoch", ylabel="learning rate", xlim=(0.5, last + 0.5 + 0.32 * last))
        rate.xaxis.set_major_locator(style.whole_numbers(last))
        above = [loss]
        if f"{phase} accuracy" in panels:
            above.append(panels[f"{phase} accuracy"])
            _accuracy_panel(above[-1], epochs, last)
        for panel in above:
            panel.sharex(rate)
            panel.tick_params(labelbottom=False)
    style.save(figure, path)


def _learning_grid(phases: Sequence[str], history: Sequence[Mapping[str, Any]]) -> tuple[list[list[str]], list[float]]:
    """Rows of panel names and their heights; where a phase has no accuracy its loss takes the place."""
    known = {epoch["phase"] for epoch in history if epoch.get("validation_accuracy") is not None}
    middle = [f"{phase} {'accuracy' if phase in known else 'loss'}" for phase in phases]
    first, last = ([f"{phase} {what}" for phase in phases] for what in ("loss", "rate"))
    return ([first, middle, last], [2.2, 1.8, 0.9]) if known else ([first, last], [2.6, 0.9])


def _loss_panel(axes: Any, epochs: Sequence[Mapping[str, Any]], last: int) -> None:
    ends = []
    for name, key, color in (("training", "train_loss", style.BLUE), ("validation", "validation_loss", style.RED)):
        value = _curve(axes, epochs, key, color)
        if value is not None:
            ends.append((value, f"{name} {value:.3g}", color))
    kept = _kept(epochs)
    if kept:
        _ring(axes, kept["epoch"], kept["validation_loss"], style.RED)
    axes.set_ylabel("loss")
    _end_labels(axes, ends, last)


def scores_beside_floors(scores: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Value and 95% interval of each score, the model's beside every floor's, one panel per score.

    `scores` and each of `floors` (by name) are results of classification_scores; a score that is undefined is
    left blank.
    """
    rows = [("model", scores), *((name.replace("_", " "), floor) for name, floor in floors.items())]
    keys = [key for key, _, _ in _SHOWN_SCORES]
    height = 1.2 + 2 * (0.72 + 0.3 * len(rows))
    figure, panels = style.house_mosaic(style.WIDE, height, [keys[:3], keys[3:]], heights=(1, 1))
    for place, (key, title, better) in enumerate(_SHOWN_SCORES):
        axes = panels[key]
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
        axes.set_yticks(range(len(rows)), [name for name, _ in rows] if place % 3 == 0 else [""] * len(rows))
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.17)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(style.few_ticks())
        style.title(axes, title, f"{better} is better")
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
    _curve(axes, epochs, "validation_accuracy", style.GREEN)
    axes.set_ylabel("accuracy")
    known = [epoch for epoch in epochs if epoch.get("validation_accuracy") is not None]
    kept = _kept(known)
    said = "validation"
    if kept:
        _ring(axes, kept["epoch"], kept["validation_accuracy"], style.GREEN)
        said += f"\nkept: {kept['validation_accuracy']:.1%}\nof epoch {kept['epoch']}"
    axes.set_ylim(top=min(axes.get_ylim()[1], 1.02))
    axes.set_yticks([tick for tick in axes.get_yticks() if axes.get_ylim()[0] <= tick <= 1])
    axes.yaxis.set_major_formatter(style.percents())
    _end_labels(axes, [(known[-1]["validation_accuracy"], said, style.GREEN)], last)


def _end_labels(axes: Any, ends: Sequence[tuple[float, str, str]], last: int) -> None:
    """Write each line's name right of its end (value, name, colour), apart where two are close."""
    low, high = axes.get_ylim()
    heights = [(value - low) / (high - low) for value, _, _ in ends]
    if len(heights) == 2 and abs(heights[0] - heights[1]) < 0.12:
        up = int(heights[1] >= heights[0])
        middle = float(np.clip(sum(heights) / 2, 0.12, 0.88))
        heights[up], heights[1 - up] = middle + 0.06, middle - 0.06
    for height, (_, name, color) in zip(heights, ends, strict=True):
        half = 0.05 * (name.count("\n") + 1)
        axes.annotate(
            name,
            (last, low + float(np.clip(height, half, 1 - half)) * (high - low)),
            (7, 0),
            textcoords="offset points",
            va="center",
            size=9,
            color=color,
        )
