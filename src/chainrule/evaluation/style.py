"""The look of the figures: colours, axes, number formats, and files without a version or a time in them."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, FAINT, GRID = "#1f2933", "#6b7785", "#e4e8ec"
PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, "#8a6d00", "#5b5b5b")


WIDE, HALF = 8.8, 5.6
"""Inches of a picture across the page and of one of two side by side: `dvc plots show` clips what is wider than it."""
DPI = 100


def house_figure(width: float, height: float, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure in inches with a row of axes in the house style."""
    figure = _empty(width, height)
    grid = figure.subplots(1, columns, **options)
    for axes in np.ravel(grid):
        _dress(axes)
    return figure, grid


def house_mosaic(
    width: float, height: float, rows: Sequence[Sequence[str]], heights: Sequence[float]
) -> tuple[Any, dict[str, Any]]:
    """A figure in inches with axes by name, in the house style; a name in several cells is one that spans them."""
    figure = _empty(width, height)
    panels: dict[str, Any] = figure.subplot_mosaic([list(row) for row in rows], height_ratios=heights)
    for axes in panels.values():
        _dress(axes)
    return figure, panels


def _empty(width: float, height: float) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def _dress(axes: Any) -> None:
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b8c2cc")
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=3)
    axes.xaxis.label.set(color=FAINT, size=9)
    axes.yaxis.label.set(color=FAINT, size=9)


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG, with the same bytes for the same figure."""
    # matplotlib would write its version into the file.
    figure.savefig(path, format="png", metadata={"Software": None})


def title(axes: Any, title: str, subtitle: str, room: int = 66, **look: Any) -> None:
    """Give axes a bold title and fainter lines of at most `room` characters below it.

    look: of both, as matplotlib's texts take it.
    """
    lines = [line for given in subtitle.split("\n") for line in textwrap.wrap(given, room)]
    axes.set_title(title + "\n" * len(lines), loc="left", size=12, weight="bold", color=INK, **look)
    axes.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 7),
        xycoords="axes fraction",
        textcoords="offset points",
        size=9,
        color=FAINT,
        va="bottom",
        **look,
    )


def blues() -> Any:
    """Return the colour map of shares, from nearly white to dark blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", ["#f3f6f9", "#b9d6ea", "#4f9bc9", BLUE, "#00395c"])


def percents() -> Any:
    """Return a formatter of shares as percents, with no more decimals than they have."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda share, _: f"{100 * share:.4g}%")


def shares(power: float) -> Any:
    """Return a colour norm for shares that lets small ones be seen."""
    from matplotlib.colors import PowerNorm

    return PowerNorm(power, vmin=0, vmax=1)


def powers() -> Any:
    """Return a formatter of small numbers, such as learning rates."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda rate, _: f"{rate:g}" if rate == 0 or rate >= 0.01 else _power(rate))


def _power(rate: float) -> str:
    digits, exponent = f"{rate:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def plain() -> Any:
    """Return a formatter of numbers with no more digits than they have."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda number, _: f"{round(number, 6):,.10g}")


def few_ticks(most: int = 5) -> Any:
    """Return a locator of few round ticks."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=most, steps=[1, 2, 5, 10])


def whole_numbers(last: int) -> Any:
    """Return a locator of at most nine whole numbers from 1 to `last`."""
    from matplotlib.ticker import FixedLocator

    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if last / step <= 8 or step == 1000)
    return FixedLocator([1, *range(step, last + 1, step)] if step > 1 else list(range(1, last + 1)))
