"""What a page shows of word vectors: how well words are told by their place and in each row, and what fits worst."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.neighbours import fit
from chainrule.evaluation.shown import Mark, Picture, Table, Worst, Wrong
from chainrule.evaluation.tokens import places

BESIDE = ("word_auc", "known")
"""Scores that are drawn beside the floors' scores."""
MARKED = 0.2
"""Share of a passage's words, those that fit worst, that are marked."""
_FEW = 0.9
"""Share of words with a vector below which a reader is told."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of how words of test rows fit."""
    told, seen = np.asarray(outputs["told"]), np.asarray(outputs["seen"])
    return [
        Picture(
            "by_word",
            "Words of the test rows by the share of strangers that are further from their text than they are",
            lambda path: by_word(told[seen > 0], path),
            wide=False,
        ),
        Picture(
            "by_length",
            "How well a word is told by how many others its text has",
            lambda path: by_length(told, seen, path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return how the words of the test rows are told."""
    told = np.asarray(outputs["told"])[np.asarray(outputs["seen"]) > 0]
    if not len(told):
        return []
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    rows = [(f"{share:.0%}", f"{np.quantile(told, share):.1%}") for share in shares]
    return [Table("Words told by their texts", ("of the test rows' words", "beat at most, of strangers"), rows)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    strangers = (
        "A stranger is a word about as frequent in training rows that is not in the text; who knows nothing beats half "
        "of them, and hardly more by frequency alone."
    )
    return [strangers, "What is near is what is used in like texts. Analogies and synonyms are not measured here."]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    known = scores["known"]["value"]
    if known is None or known >= _FEW:
        return []
    return [f"{1 - known:.0%} of the test rows' words have no vector: raise pretrain.tokenizer.vocabulary"]


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, those whose words fit one another worst first (ties in row order)."""
    own, words = fit(outputs), np.asarray(outputs["seen"]).sum(axis=1)
    order = [row for row in np.argsort(own, kind="stable")[:most] if words[row]]
    return Worst(
        "Oddest texts",
        "The test rows whose words are least like one another; the words that fit worst are marked, with the share of "
        "strangers that they beat. Look here first for rows that are of another kind than the rest.",
        "None: no test row has two words with vectors.",
        [Wrong(int(row), f"{own[row]:.1%}", "of strangers are further", f"{int(words[row])} words") for row in order],
    )


def marked(row: int, text: str, outputs: Outputs, facts: Facts) -> Sequence[Mark]:
    """Return where words of a test row fit worst, in the order of the text; facts: with the tokenizer as JSON."""
    told, seen = (np.asarray(outputs[name][row], np.float64) for name in ("told", "seen"))
    at = places(text, facts["tokenizer"])
    asked = [place for place in np.flatnonzero(seen > 0) if place < len(at) and at[place][1] > at[place][0]]
    chosen = sorted(asked, key=lambda place: float(told[place]))[: max(1, round(MARKED * len(asked)))]
    return [Mark(*at[place], f"{told[place]:.0%}") for place in sorted(chosen)]


def by_word(told: np.ndarray, path: Path) -> None:
    """Draw how many words beat which share of strangers, float64 [W]."""
    figure, axes = style.house_figure(style.HALF, style.HALF)
    axes.hist(told, bins=20, range=(0, 1), color=style.BLUE)
    axes.axhline(len(told) / 20, color="0.5", linewidth=1, linestyle="--")
    axes.set(xlabel="share of strangers that are further", ylabel="words")
    style.title(axes, "Words by their texts", f"{len(told):,} words; dashed: by chance")
    style.save(figure, path)


def by_length(told: np.ndarray, seen: np.ndarray, path: Path) -> None:
    """Draw the mean of told [N, T] where seen by how many words a row has, in tenths of the rows."""
    words = seen.sum(axis=1)
    rows = np.flatnonzero(words > 1)
    parts = [part for part in np.array_split(rows[np.argsort(words[rows], kind="stable")], 10) if len(part)]
    figure, axes = style.house_figure(style.HALF, style.HALF)
    at = [float(words[part].mean()) - 1 for part in parts]
    axes.plot(at, [told[part].sum() / seen[part].sum() for part in parts], color=style.BLUE, marker="o", markersize=4)
    axes.axhline(0.5, color="0.5", linewidth=1, linestyle="--")
    axes.set(xlabel="other words of the text", ylabel="share of strangers that are further")
    style.title(axes, "By length of the text", f"{len(rows):,} test rows in tenths; dashed: by chance")
    style.save(figure, path)
