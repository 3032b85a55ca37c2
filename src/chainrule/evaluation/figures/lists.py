"""What a page shows of lists of items: how good they are by what is known of a user, and how often they hold an item.

Of the Gini coefficient (1912) of how often items are recommended 0 says that all are alike often, 1 that it is always
the same ones.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.rating import FIRST, ranking, ranking_metrics
from chainrule.evaluation.shown import Picture, Table, Word

PARTS = 5
"""Parts, with as many users in each, by how much training rows tell of them."""


class Activity(NamedTuple):
    """Users of test rows by how many training rows they have: the least and the most of them, NDCG and recall."""

    least: int
    most: int
    users: int
    ndcg: float
    recall: float


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of lists for the users of test rows; `target` [N]."""
    return [
        Picture(
            "by_activity",
            f"NDCG@{FIRST} of users by how many training rows they have",
            partial(_draw_activity, by_activity(outputs, target, facts)),
            wide=False,
        ),
        Picture(
            "popularity",
            f"How often items are among the first {FIRST}, the seldom ones first",
            partial(_draw_shares, recommended(outputs)),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Table]:
    """Return the numbers of the pictures."""
    by = [
        (f"{part.least:,} to {part.most:,}", f"{part.users:,}", _said(part.ndcg), _said(part.recall))
        for part in by_activity(outputs, target, facts)
    ]
    counts = recommended(outputs)
    spread = [
        (Word("items that are in some list"), f"{(counts > 0).mean():.1%} of {len(counts):,} that training met"),
        (Word("Gini coefficient of how often"), f"{gini(counts):.3f}"),
        (Word(f"places held by the {FIRST} commonest items"), f"{np.sort(counts)[-FIRST:].sum() / counts.sum():.1%}"),
    ]
    heads = ("training rows of the user", "users", f"NDCG@{FIRST}", f"recall@{FIRST}")
    return [Table("By what is known of a user", heads, by), Table("What is recommended", (Word(""), "found"), spread)]


def by_activity(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Activity]:
    """Return the users of test rows in PARTS of as many users each, fewer where many have as few training rows."""
    rows = np.asarray(outputs["activity"], np.float64)
    _, first = np.unique(np.asarray(outputs["user_place"]), return_index=True)
    edges = np.unique(np.quantile(rows[first], np.linspace(0, 1, PARTS + 1)[1:], method="nearest"))
    place = np.searchsorted(edges, rows)
    sums = ranking(outputs, target, facts)
    found = []
    for part in range(len(edges)):
        own = place == part
        told = ranking_metrics(sums[own].sum(axis=0))
        users = int((place[first] == part).sum())
        ends = int(rows[own].min()), int(rows[own].max())
        found.append(Activity(*ends, users, float(told["ndcg_at_10"]), float(told["recall_at_10"])))
    return found


def recommended(outputs: Outputs) -> np.ndarray:
    """Return how often each item of the catalogue is among the first of the lists of the users of test rows, [I].

    The catalogue is as large as the rank of an unknown item says, or as the last item of the lists.
    """
    _, first = np.unique(np.asarray(outputs["user_place"]), return_index=True)
    top = np.asarray(outputs["top"])[first, :FIRST].astype(np.int64)
    return np.bincount(top.ravel(), minlength=int(outputs["catalogue"][0]) + 1)[1:].astype(np.float64)


def gini(counts: np.ndarray) -> float:
    """Return the Gini coefficient of counts [I]: twice the area between their Lorenz curve and equality."""
    ordered = np.sort(counts)
    places = np.arange(1, len(ordered) + 1)
    return float(((2 * places - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum()))


def _said(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


def _draw_activity(parts: list[Activity], path: Path) -> None:
    figure, axes = style.house_figure(style.HALF, style.HALF)
    axes.bar(range(len(parts)), np.nan_to_num([part.ndcg for part in parts]), color=style.BLUE)
    axes.set_xticks(range(len(parts)), [f"{part.least:,}-{part.most:,}" for part in parts])
    axes.set(xlabel="training rows of the user", ylabel=f"NDCG@{FIRST}")
    style.title(axes, "By what is known of a user", f"{sum(part.users for part in parts):,} users of test rows")
    style.save(figure, path)


def _draw_shares(counts: np.ndarray, path: Path) -> None:
    figure, axes = style.house_figure(style.HALF, style.HALF)
    share = np.append(0, np.cumsum(np.sort(counts)) / counts.sum())
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
    axes.plot(np.linspace(0, 1, len(share)), share, color=style.BLUE)
    axes.set(xlabel="share of the items", ylabel="share of the places in lists")
    said = f"{(counts > 0).mean():.1%} of {len(counts):,} items are in some list; Gini {gini(counts):.2f}"
    style.title(axes, "What is recommended", said)
    style.save(figure, path)
