"""Learning curves: the course of pretraining and fine-tuning, epoch by epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.primary import SHARE, Primary, number, words

_PHASES = (("pretrain", "Pretraining"), ("finetune", "Fine-tuning"))


def learning_curves(history: Sequence[Mapping[str, Any]], decisive: Primary | None, path: Path) -> None:
    """Loss, PRIMARY and learning rate by epoch, pretraining and fine-tuning side by side with their own
    scales.

    `history` in the order of training: {"phase": "pretrain" | "finetune", "epoch" (from 1), "train_loss",
    "validation_loss", "validation_<PRIMARY>" (each a number or None), "learning_rate", "best"}; other keys are
    ignored; a pretraining alone has no PRIMARY (None). The last epoch that is `best`, whose weights were kept, has
    rings. Raises ValueError when it is empty.
    """
    phases = [(phase, title) for phase, title in _PHASES if any(epoch["phase"] == phase for epoch in history)]
    if not phases:
        raise ValueError("a learning curve needs at least one epoch")
    key = _key(decisive) if decisive else ""
    rows, heights = _learning_grid([phase for phase, _ in phases], history, key)
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
        if decisive and f"{phase} primary" in panels:
            above.append(panels[f"{phase} primary"])
            _primary_panel(above[-1], epochs, last, decisive)
        for panel in above:
            panel.sharex(rate)
            panel.tick_params(labelbottom=False)
    style.save(figure, path)


def _key(decisive: Primary) -> str:
    return f"validation_{decisive.name}"


def _learning_grid(
    phases: Sequence[str], history: Sequence[Mapping[str, Any]], key: str
) -> tuple[list[list[str]], list[float]]:
    """Rows of panel names and their heights; where a phase has no PRIMARY its loss takes the place."""
    known = {epoch["phase"] for epoch in history if epoch.get(key) is not None}
    middle = [f"{phase} {'primary' if phase in known else 'loss'}" for phase in phases]
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


def _primary_panel(axes: Any, epochs: Sequence[Mapping[str, Any]], last: int, decisive: Primary) -> None:
    key, share = _key(decisive), decisive.unit == SHARE
    _curve(axes, epochs, key, style.GREEN)
    axes.set_ylabel(words(decisive.name))
    known = [epoch for epoch in epochs if epoch.get(key) is not None]
    kept = _kept(known)
    said = "validation"
    if kept:
        _ring(axes, kept["epoch"], kept[key], style.GREEN)
        value = f"{kept[key]:.1%}" if share else number(decisive.unit, kept[key])
        said += f"\nkept: {value}\nof epoch {kept['epoch']}"
    if share:
        axes.set_ylim(top=min(axes.get_ylim()[1], 1.02))
        axes.set_yticks([tick for tick in axes.get_yticks() if axes.get_ylim()[0] <= tick <= 1])
        axes.yaxis.set_major_formatter(style.percents())
    _end_labels(axes, [(known[-1][key], said, style.GREEN)], last)


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
