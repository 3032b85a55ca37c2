"""How often what is of one class is said to be of another, as a matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import fonts as class_labels
from chainrule.evaluation import style

_LABELLED_CELLS = 20


def matrix(counts: np.ndarray, class_names: Sequence[str], what: str, path: Path) -> None:
    """Draw counts int [C, C] of true (rows) against predicted classes, coloured by the share of the true class.

    what: is counted. Cells carry numbers up to 20 classes; above, the colour scale is stretched so that rare mistakes
    still show. The axes carry names as far as `labels.on_axis` has them.
    """
    classes = len(class_names)
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
    said = f"{right:,} of {int(counts.sum()):,} {what} right; a row of the matrix is a true class"
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
        number = (
            f"{count:,}" if count < 100_000 else f"{count / 1000:,.0f}k" if count < 10**8 else f"{count / 10**6:,.0f}M"
        )
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
