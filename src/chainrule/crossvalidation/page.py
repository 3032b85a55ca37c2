"""A cross-validation as a page that needs nothing else: a picture, each fold's scores, and mean and spread of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.crossvalidation.summary import mean
from chainrule.evaluation import page, primary, style
from chainrule.evaluation.primary import Measure
from chainrule.evaluation.shown import Cell, Table, Word

NOTE = (
    "± is the standard deviation over the folds: how much a score hangs on which rows are held out. It is not the "
    "error of the mean, as folds share most of their training rows. Rows that are held out decide nothing in their "
    "fold: others choose the epoch and calibrate the answers. No row of the test split was read."
)


def to_html(found: Mapping[str, Any], measure: Measure, picture: Path) -> str:
    """Return the page; `found` is a summary, `picture` a PNG of it."""
    decisive = measure.PRIMARY
    rows = sum(turn["rows"]["test"] for turn in found["turns"])
    facts = {
        "folds": f"{found['folds']} by {found['by']}, {rows:,} rows held out once each",
        primary.words(decisive.name): mean(found["model"][decisive.name], decisive.unit),
        "ahead of every floor": f"in {found['ahead']} of {found['folds']} folds",
        "took": f"{found['seconds'] / 60:.1f} minutes",
    }
    sections = [
        page.figures([page.Figure(picture, f"{primary.words(decisive.name)} of each fold, with 95% intervals", True)]),
        page.section("Every metric: mean and spread", page.table(_means(found, measure))),
        page.section("Every fold", page.table(_turns(found, measure))),
    ]
    return page.document(found["recipe"], f"{found['recipe']}: cross-validation", "Cross-validation", facts, sections)


def _means(found: Mapping[str, Any], measure: Measure) -> Table:
    floors = found["floors"]
    heads = ["metric", "model", "worst to best fold", *(Word(primary.words(name)) for name in floors)]
    rows: list[list[Cell]] = []
    for score in measure.SCORES:
        own = found["model"][score.name]
        ends = [primary.number(score.unit, own[end]) for end in ("low", "high")]
        worst_first = ends if score.more_is_better else ends[::-1]
        others = [mean(floors[name][score.name], score.unit) for name in floors]
        rows.append([Word(score.title), mean(own, score.unit), " to ".join(worst_first), *others])
    return Table("", heads, rows, [NOTE])


def _turns(found: Mapping[str, Any], measure: Measure) -> Table:
    shown = primary.shown(measure)
    heads = ["fold", "trained on", "chose", "held out", "epoch", *(score.title for score in shown), "left out"]
    rows: list[list[Cell]] = []
    for turn in found["turns"]:
        counts = [f"{turn['rows'].get(name, 0):,}" for name in ("train", "validation", "test")]
        values = [primary.number(score.unit, turn["model"][score.name]["value"]) for score in shown]
        left = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in turn["left_out"].items())
        rows.append([Word(str(turn["fold"])), *counts, f"{turn['epoch']} of {turn['epochs']}", *values, left or "none"])
    return Table("", heads, rows)


def draw(found: Mapping[str, Any], measure: Measure, path: Path) -> None:
    """Draw PRIMARY of the model and its floors in each fold, as PNG; the means are lines."""
    decisive = measure.PRIMARY
    figure, axes = style.house_figure(style.WIDE, 3.2)
    series = {"model": [turn["model"] for turn in found["turns"]]} | {
        name: [turn["floors"][name] for turn in found["turns"]] for name in found["floors"]
    }
    for place, (name, entries) in enumerate(series.items()):
        tone = style.BLUE if not place else style.PALETTE[place % len(style.PALETTE)]
        offset = 0.12 * (place - (len(series) - 1) / 2)
        known = [
            (at, entry[decisive.name]) for at, entry in enumerate(entries) if entry[decisive.name]["value"] is not None
        ]
        for at, entry in known:
            axes.plot([at + 1 + offset] * 2, [entry["low"], entry["high"]], color=tone, linewidth=2, alpha=0.45)
        heights = [entry["value"] for _, entry in known]
        axes.plot([at + 1 + offset for at, _ in known], heights, "o", color=tone, label=primary.words(name))
        if heights:
            axes.axhline(sum(heights) / len(heights), color=tone, linewidth=0.8, linestyle="--", alpha=0.6)
    axes.set_xticks(range(1, found["folds"] + 1))
    axes.set_xlabel("fold")
    axes.set_ylabel(primary.words(decisive.name))
    axes.legend(frameon=False, fontsize=8.5, ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))
    style.save(figure, path)
