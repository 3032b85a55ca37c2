"""A metric by group of rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.evaluation import fonts, style
from chainrule.evaluation.primary import Score


def by_group(by: str, found: Mapping[str, Any], score: Score, whole: Mapping[str, Any], path: Path) -> None:
    """Value and 95% interval of a score in each group beside that of all rows, a line; small groups in grey.

    A group whose name cannot be drawn, or is long, is "#3", as the third of the page's table. found: what
    `fairness.scores` gives; whole: the entry of all test rows.
    """
    groups = found["groups"]
    figure, axes = style.house_figure(style.WIDE, 1.1 + 0.26 * len(groups))
    if whole["value"] is not None:
        axes.axvline(whole["value"], color=style.ORANGE, linewidth=1.5, zorder=1)
    for line, (name, told) in enumerate(groups.items()):
        entry, tone = told[score.name], "#8a96a3" if name in found["small"] else style.BLUE
        if entry["value"] is None:
            continue
        if entry["low"] is not None:
            axes.plot([entry["low"], entry["high"]], [line, line], color=tone, linewidth=3, alpha=0.45)
        axes.plot(entry["value"], line, "o", color=tone, markersize=6, zorder=4)
    axes.set(ylim=(len(groups) - 0.5, -0.5))
    look = fonts.look([by, *groups])
    sizes = [told["rows"] for told in groups.values()]
    drawn = [f"{name}  ({rows:,})" for name, rows in zip(fonts.drawn(list(groups), 1), sizes, strict=True)]
    axes.set_yticks(range(len(groups)), drawn, **look)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(style.few_ticks())
    style.title(
        axes,
        f"{score.title} by {'group' if fonts.undrawable([by]) else by}",
        f"{'higher' if score.more_is_better else 'lower'} is better; in brackets test rows",
        **look,
    )
    style.save(figure, path)
