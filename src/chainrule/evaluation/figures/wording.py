"""What a page shows of texts that were written: scores by length, n-grams, lengths, and the worst beside references."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.mistakes.wording import sheets
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import wording
from chainrule.evaluation.shown import Picture, Table, Worst
from chainrule.fields.wording import texts

BESIDE = ("bleu", "chrf")
"""Scores that are drawn beside the floors' scores."""
BINS = 5
MUCH = 0.9
"""A brevity penalty below this costs a tenth of BLEU: said."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of texts written for test rows; `target` int [N, L]."""
    said, true = texts(outputs["text"]), texts(target)
    lengths = np.array([[len(one.split()), len(other.split())] for one, other in zip(said, true, strict=True)])
    sums = wording.statistics(outputs, target, facts)
    return [
        Picture(
            "bleu_by_length",
            "BLEU of the test rows by the words of their reference",
            lambda path: by_length(lengths[:, 1], sums, facts, path),
            wide=False,
        ),
        Picture(
            "lengths",
            "Words written against words of the reference",
            lambda path: against(lengths, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the precision of n-grams, and what BLEU is made of."""
    sums = wording.statistics(outputs, target, facts).sum(axis=0)
    both, written = sums[4 : 4 + wording.ORDERS], sums[4 + wording.ORDERS : 4 + 2 * wording.ORDERS]
    shares = wording.precisions(both, written)
    rows = [
        (f"{size} {'word' if size == 1 else 'words'}", f"{written[at]:,.0f}", f"{both[at]:,.0f}", f"{shares[at]:.1%}")
        for at, size in enumerate(range(1, wording.ORDERS + 1))
    ]
    ratio = sums[2] / max(1, sums[3])
    note = (
        f"{sums[2]:,.0f} words were written for {sums[3]:,.0f} of the references ({ratio:.1%}); BLEU is the geometric "
        f"mean of the shares, times a penalty of {scores['brevity_penalty']['value']:.4f} for texts that are too short."
    )
    return [Table("n-grams", ("of", "written", "in the reference", "share"), rows, [note])]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    said = (
        f"BLEU as sacreBLEU counts it: {scores['signature']}; chrF2 of 1 to 6 characters. Both are from 0 to 100. One "
        "reference is one way of many to say it: a text that is as good and other words has a low score."
    )
    return [said]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    penalty = scores["brevity_penalty"]["value"]
    said = "the texts are too short, which costs {:.0%} of BLEU: train longer, or look at what is left out"
    return [said.format(1 - penalty)] if penalty is not None and penalty < MUCH else []


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, the furthest from their reference first (ties in row order)."""
    return sheets(outputs, target, facts, most)[0]


def by_length(words: np.ndarray, sums: np.ndarray, facts: Facts, path: Path) -> None:
    """Draw BLEU of rows by how long their reference is; words: int [N]; sums: what each row adds [N, S]."""
    figure, axes = style.house_figure(style.HALF, style.HALF)
    edges = np.unique(np.quantile(words, np.linspace(0, 1, BINS + 1), method="nearest"))
    place = np.searchsorted(edges[1:-1], words, side="left")
    names, values = [], []
    for at in range(max(1, len(edges) - 1)):
        own = place == at
        if own.any():
            low, high = int(words[own].min()), int(words[own].max())
            names.append(f"{low}" if low == high else f"{low}–{high}")
            values.append(float(wording.metrics(sums[own].sum(axis=0), facts)["bleu"]))
    axes.bar(names, values, color=style.BLUE)
    axes.set(xlabel="words of the reference", ylabel="BLEU")
    style.title(axes, "BLEU by length", f"{len(words):,} test rows, about as many in each")
    style.save(figure, path)


def against(lengths: np.ndarray, path: Path) -> None:
    """Draw a dot per row, int [N, 2]: words written, words of the reference; and the line on which they are as many."""
    figure, axes = style.house_figure(style.HALF, style.HALF)
    most = max(1, int(lengths.max(initial=1)))
    axes.plot([0, most], [0, most], color=style.FAINT, linewidth=1, linestyle=(0, (4, 4)))
    axes.plot(lengths[:, 1], lengths[:, 0], "o", color=style.BLUE, markersize=3, alpha=0.3, markeredgewidth=0)
    axes.set(xlabel="words of the reference", ylabel="words written")
    style.title(axes, "Lengths", f"{len(lengths):,} test rows")
    style.save(figure, path)
