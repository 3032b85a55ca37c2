"""The look of the figures: colours, axes, number formats, and files without a version or a time in them."""

from pathlib import Path
from typing import Any

import numpy as np

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, FAINT, GRID = "#1f2933", "#6b7785", "#e4e8ec"
PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, "#8a6d00", "#5b5b5b")


def house_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure in inches with its axes in the house style."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ratios = options.pop("height_ratios", None)
    figure = Figure(
        figsize=(width, height),
        dpi=130,
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1),
        facecolor="white",
    )
    grid = figure.subplots(
        rows, columns, gridspec_kw={"height_ratios": ratios} if ratios is not None else None, **options
    )
    for axes in np.ravel(grid):
        axes.set_axisbelow(True)
        axes.grid(color=GRID, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#b8c2cc")
        axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=3)
        axes.xaxis.label.set_color(FAINT)
        axes.yaxis.label.set_color(FAINT)
    return figure, grid


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG, with the same bytes for the same figure."""
    # matplotlib would write its version into the file.
    figure.savefig(path, format="png", metadata={"Software": None})


def title(axes: Any, title: str, subtitle: str) -> None:
    """Give axes a bold title and a fainter line below it."""
    axes.set_title(f"{title}\n", loc="left", size=12, weight="bold", color=INK)
    axes.annotate(
        subtitle,
        (0, 1),
        (0, 7),
        xycoords="axes fraction",
        textcoords="offset points",
        size=9,
        color=FAINT,
        va="bottom",
    )


def short(name: str) -> str:
    """Return a name cut to 18 characters."""
    return name if len(name) <= 18 else name[:17] + "…"


def compact(count: int) -> str:
    """Return a count in at most five characters, such as 1.2k."""
    return f"{count}" if count < 1000 else f"{count / 1000:.1f}k" if count < 100_000 else f"{count / 1000:.0f}k"


def blues() -> Any:
    """Return the colour map of shares, from nearly white to dark blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", ["#f3f6f9", "#b9d6ea", "#4f9bc9", BLUE, "#00395c"])


def percents() -> Any:
    """Return a formatter of shares as whole percents."""
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(xmax=1, decimals=0)


def shares(power: float) -> Any:
    """Return a colour norm for shares that lets small ones be seen."""
    from matplotlib.colors import PowerNorm

    return PowerNorm(power, vmin=0, vmax=1)


def powers() -> Any:
    """Return a formatter of false-positive rates on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(
        lambda rate, _: "0" if rate == 0 else f"{rate:g}" if rate >= 0.01 else f"{rate:.0e}".replace("e-0", "e-")
    )


def few_ticks() -> Any:
    """Return a locator of at most five round ticks."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, steps=[1, 2, 5, 10])


def whole_numbers(last: int) -> Any:
    """Return a locator of at most nine whole numbers from 1 to `last`."""
    from matplotlib.ticker import FixedLocator

    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if last / step <= 8 or step == 1000)
    return FixedLocator([1, *range(step, last + 1, step)] if step > 1 else list(range(1, last + 1)))
