"""The model's scores beside those of its floors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.evaluation import style
from chainrule.evaluation.primary import NATS, SHARE, Score, number, words


def scores_beside_floors(
    shown: Sequence[Score], scores: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]], path: Path
) -> None:
    """Value and 95% interval of each score that is shown, the model's beside every floor's, one panel per score.

    `scores` and each of `floors` (by name) are what `intervals.scores` gives; a score that is undefined is left blank.
    An even number of scores, at most six.
    """
    rows = [("model", scores), *((words(name), floor) for name, floor in floors.items())]
    across = len(shown) // 2
    keys = [score.name for score in shown]
    height = 1.2 + 2 * (0.72 + 0.3 * len(rows))
    figure, panels = style.house_mosaic(style.WIDE, height, [keys[:across], keys[across:]], heights=(1, 1))
    for place, score in enumerate(shown):
        axes = panels[score.name]
        for line, (_, result) in enumerate(rows):
            entry, tone = result[score.name], style.BLUE if line == 0 else "#8a96a3"
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
                _short(score, entry["value"]), (entry["value"], line), (0, 6),
                textcoords="offset points", ha="center",
                size=8.5, color=style.INK if line == 0 else style.FAINT,
                weight="bold" if line == 0 else "normal",
            )  # fmt: skip
        axes.set(ylim=(len(rows) - 0.5, -0.75))
        axes.set_yticks(range(len(rows)), [name for name, _ in rows] if place % across == 0 else [""] * len(rows))
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.17)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(style.few_ticks())
        style.title(axes, score.title, f"{'higher' if score.more_is_better else 'lower'} is better")
        if place % across == 0:
            axes.get_yticklabels()[0].set(weight="bold", color=style.BLUE)
    sizes = f"{scores['rows']:,} test rows"
    if scores["groups"] < scores["rows"]:
        sizes += f" in {scores['groups']:,} groups"
    title = f"Model beside its floors: value and 95% interval, {sizes}"
    figure.suptitle(title, x=0.012, ha="left", size=12, weight="bold", color=style.INK)
    style.save(figure, path)


def _short(score: Score, value: float) -> str:
    return f"{value:.3f}" if score.unit in (SHARE, NATS) else number(score.unit, value)
