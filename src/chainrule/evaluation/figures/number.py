"""What a page shows of answers that are a number: predicted against true, what is left, and the rows furthest off."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.number import answers
from chainrule.evaluation.shown import Picture, Table, Worst, Wrong

BESIDE = ("mean_absolute_error", "root_mean_squared_error", "mean_squared_error", "r2")
"""Scores that are drawn beside the floors' scores."""
SHARE = 0.9
"""What an interval is to hold."""
_DOTS = 2000  # rows that are drawn one by one; of more, every so many


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` [N]."""
    found, true = answers(outputs, facts), np.asarray(target, dtype=np.float64)
    return [
        Picture(
            "predicted",
            "Predicted against true numbers of the test rows",
            lambda path: predicted_against_true(true, found, path),
            wide=False,
        ),
        Picture(
            "residuals",
            "What is left: predicted less true number of the test rows",
            lambda path: residuals(true, found, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the quantiles of the absolute error of the test rows."""
    error = np.abs(answers(outputs, facts) - np.asarray(target, dtype=np.float64))
    shares = (0.5, 0.75, 0.9, 0.95, 1.0)
    rows = [(f"{share:.0%}", f"{np.quantile(error, share):.4g}") for share in shares]
    return [Table("Absolute errors", ("of the test rows", "at most"), rows)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    coverage = scores["coverage"]["value"]
    held = (
        []
        if coverage is None
        else [f"The interval of 90% that goes with each answer holds {coverage:.1%} of the numbers."]
    )
    return ["Errors are in the target's unit; R² is 0 for a model that always answers the mean of these rows.", *held]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    found = []
    if scores["r2"]["value"] is None:
        found.append("all test rows have the same number: the scores say little")
    coverage = scores["coverage"]
    if coverage["high"] is not None and coverage["high"] < SHARE:
        found.append(
            f"the interval of 90% holds {coverage['value']:.1%} of the test rows' numbers: they are not like the "
            "validation rows, by which its width was found"
        )
    return found


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, the furthest off first (ties in row order)."""
    found, true = answers(outputs, facts), np.asarray(target, dtype=np.float64)
    error = found - true
    order = np.argsort(-np.abs(error), kind="stable")[:most]
    return Worst(
        "Furthest off",
        "The test rows whose answers are furthest off: look here first for wrong numbers.",
        "None: every test row was answered exactly.",
        [
            Wrong(int(row), f"{found[row]:.4g}", f"{error[row]:+.4g}", f"{true[row]:.4g}")
            for row in order
            if error[row] != 0
        ],
    )


def predicted_against_true(true: np.ndarray, found: np.ndarray, path: Path) -> None:
    """Draw a dot per row, float64 [N] each, and the line on which they would all lie."""
    figure, axes = style.house_figure(style.HALF, style.HALF)
    low, high = float(min(true.min(), found.min())), float(max(true.max(), found.max()))
    axes.plot([low, high], [low, high], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
    _dots(axes, true, found)
    axes.set(xlabel="true", ylabel="predicted")
    style.title(axes, "Predicted against true", f"{_rows(true)}; on the dashed line they would be right")
    _numbers(axes)
    style.save(figure, path)


def residuals(true: np.ndarray, found: np.ndarray, path: Path) -> None:
    """Draw predicted less true number, float64 [N] each: against the true one, and how often it occurs."""
    error = found - true
    figure, panels = style.house_mosaic(style.HALF, style.HALF, [["above"], ["below"]], heights=(2, 1))
    above, below = panels["above"], panels["below"]
    above.axhline(0, color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
    _dots(above, true, error)
    above.set(xlabel="true", ylabel="predicted less true")
    style.title(above, "What is left", f"{_rows(true)}; mean {error.mean():+.4g}")
    below.hist(error, bins=min(40, max(5, len(error) // 10)), color=style.BLUE)
    below.set(xlabel="predicted less true", ylabel="rows")
    for axes in (above, below):
        _numbers(axes)
    style.save(figure, path)


def _dots(axes: Any, across: np.ndarray, up: np.ndarray) -> None:
    step = -(-len(across) // _DOTS)
    axes.plot(across[::step], up[::step], "o", color=style.BLUE, markersize=3, alpha=0.5, markeredgewidth=0)


def _rows(true: np.ndarray) -> str:
    step = -(-len(true) // _DOTS)
    return f"{len(true):,} test rows" + (f", one of {step} drawn" if step > 1 else "")


def _numbers(axes: Any) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(style.few_ticks(5))
        axis.set_major_formatter(style.plain())
