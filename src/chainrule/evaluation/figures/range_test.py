"""The curve of a learning-rate range test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.evaluation import style


def rates_figure(
    points: Sequence[Any], smoothed: Sequence[float], suggested: float | None, present: float, path: Path
) -> None:
    """Loss by learning rate on a logarithmic axis: each batch (`rate`, `loss`), smoothed, and two rates marked.

    suggested: None where there is none. Raises ValueError for no points.
    """
    if not points:
        raise ValueError("a curve needs at least one point")
    figure, axes = style.house_figure(style.WIDE, 4.2)
    said = f"falls fastest at {suggested:g}" if suggested else "falls at none of them"
    told = f"one update at each rate, growing; the loss {said}; {present:g} is in force"
    style.title(axes, "Loss by learning rate", told, room=110)
    rates = [point.rate for point in points]
    axes.plot(rates, [point.loss for point in points], color=style.GRID, linewidth=1.2)
    axes.plot(rates, smoothed, color=style.BLUE, linewidth=2)
    axes.set_xscale("log")
    if suggested:
        axes.axvline(suggested, color=style.RED, linewidth=1.2)
    axes.axvline(present, color=style.FAINT, linewidth=1.2, linestyle=":")
    low, high = min(smoothed), max(smoothed[: max(1, len(smoothed) // 2)])
    room = 0.3 * max(high - low, 1e-3)
    axes.set_ylim(low - room, high + 2 * room)  # where it diverges the curve leaves the picture
    axes.set(xlabel="learning rate", ylabel="training loss")
    style.save(figure, path)
