"""What a page shows of texts that go on: the cost by place in the text, how it is spread, and the hardest passages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.continuation import per_token
from chainrule.evaluation.shown import Mark, Picture, Table, Worst, Wrong
from chainrule.evaluation.tokens import places

BESIDE = ("bits_per_byte", "nats_per_token")
"""Scores that are drawn beside the floors' scores."""
FEWEST = 20
"""Tokens at a place below which its mean is not drawn."""
MARKED = 0.05
"""Share of a passage's tokens, the most surprising, that are marked."""
_SHORT = 0.9
"""Share of the bytes below which a reader is told that the rest was not read."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of the cost of test rows; `target` [N]."""
    nats, told = np.asarray(outputs["nats"]), np.asarray(outputs["told"])
    return [
        Picture(
            "by_place",
            "What a token costs by its place in the row: the more is before it, the better it is told",
            lambda path: by_place(nats, told, path),
            wide=False,
        ),
        Picture(
            "by_row",
            "Test rows by what a token of theirs costs in the mean",
            lambda path: by_row(per_token(outputs), path),
            wide=False,
        ),
    ]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return how the cost is spread over the tokens of the test rows."""
    cost = np.asarray(outputs["nats"])[np.asarray(outputs["told"]) > 0]
    if not len(cost):
        return []
    shares = (0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
    rows = [
        (f"{share:.0%}", f"{np.quantile(cost, share):.3f}", f"{np.exp(-np.quantile(cost, share)):.3g}")
        for share in shares
    ]
    return [Table("Cost of tokens", ("of the test rows' tokens", "at most, nats", "chance at least"), rows)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    return [
        "Bits per byte compare models of any tokens; perplexity only those of the same.",
        f"Bytes that were told: {scores['told']['value'] or 0:.1%}; what is beyond the model's longest text is not.",
    ]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    told = scores["told"]["value"]
    if told is None or told >= _SHORT:
        return []
    beyond = f"{1 - told:.0%} of the test rows' bytes are beyond what the model takes and were not told"
    return [f"{beyond}: raise pretrain.tokenizer.max_length, or cut rows shorter"]


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows, those whose tokens cost most first (ties in row order)."""
    cost = per_token(outputs)
    tokens = np.asarray(outputs["told"]).sum(axis=1)
    order = [row for row in np.argsort(-cost, kind="stable")[:most] if tokens[row]]
    return Worst(
        "Hardest passages",
        "The test rows whose tokens were told worst; what surprised the model most is marked, with its nats. Look here "
        "first for rows that are of another kind than the rest.",
        "None: no test row has a token that had to be told.",
        [Wrong(int(row), f"{cost[row]:.2f} nats", "per token", f"{int(tokens[row])} tokens") for row in order],
    )


def marked(row: int, text: str, outputs: Outputs, facts: Facts) -> Sequence[Mark]:
    """Return where a test row surprised the model most, in the order of the text; facts: with the tokenizer as JSON."""
    nats = np.asarray(outputs["nats"][row], np.float64)
    told = int(np.asarray(outputs["told"][row]).sum())
    at, found = places(text, facts["tokenizer"]), dict[int, Mark]()
    for token in np.argsort(-nats, kind="stable")[: max(1, round(MARKED * told))].tolist():
        start, end = at[token] if nats[token] > 0 else (0, 0)
        if end > start:  # of the bytes of one letter the most surprising
            found.setdefault(start, Mark(start, end, f"{nats[token]:.1f}"))
    return [found[start] for start in sorted(found)]


def by_place(nats: np.ndarray, told: np.ndarray, path: Path) -> None:
    """Draw the mean cost of the tokens at each place, of nats and told [N, T]."""
    counts = told.sum(axis=0)
    at = np.flatnonzero(counts >= min(FEWEST, counts.max(initial=1)))
    means = nats[:, at].sum(axis=0) / np.maximum(counts[at], 1)
    figure, axes = style.house_figure(style.HALF, style.HALF)
    axes.plot(at, means, color=style.BLUE, linewidth=1.5)
    axes.set(xlabel="tokens before it", ylabel="nats")
    axes.set_ylim(bottom=0)
    style.title(axes, "Cost by place", f"mean over {len(nats):,} test rows; places of at least {FEWEST} tokens")
    style.save(figure, path)


def by_row(cost: np.ndarray, path: Path) -> None:
    """Draw how many rows cost how much, nats per token float64 [N]."""
    figure, axes = style.house_figure(style.HALF, style.HALF)
    axes.hist(cost, bins=min(40, max(5, len(cost) // 10)), color=style.BLUE)
    axes.set(xlabel="nats per token", ylabel="rows")
    style.title(axes, "Cost by row", f"{len(cost):,} test rows; mean {cost.mean():.3f}")
    style.save(figure, path)
