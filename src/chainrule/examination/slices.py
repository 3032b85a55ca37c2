"""Slices of validation rows in which the model does worse than on the rest."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from chainrule.evaluation import cards, page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.primary import change, interval, of_unit, words
from chainrule.evaluation.shown import Cell, Table, Word
from chainrule.evaluation.slices import asked, finding, scored
from chainrule.examination import features, worst
from chainrule.examination.looked import Looked
from chainrule.system import plugins
from chainrule.training import rows

CLUSTERS, ROWS, RESAMPLES = 10, 4, 500
"""Clusters of features that are slices, too; wrong rows that are shown of a slice; resamples of each interval."""


def part(looked: Looked) -> Part:
    """Return the slices with their metric beside that of the rest, and their worst rows."""
    settings, card = looked.settings, looked.card
    if not settings.slices:
        raise NotShownError("no slices are asked for (evaluate.examine.slices is 0)")
    facts, primary = card["target_facts"], looked.measure.PRIMARY
    bad = plugins.load("evaluation.mistakes", card["target"]).bad(looked.outputs, looked.target, facts)
    if len(bad) < 2 * settings.slice_rows:
        raise NotShownError(f"{len(bad):,} rows are too few for slices of {settings.slice_rows}")
    (target,) = rows.named(card, "target")
    conditions = asked.of_rows(
        looked.rows,
        rows.named(card, "input"),
        plugins.load("evaluation.slices.traits", card["modality"]),
        target,
        plugins.load("fields", card["target"]),
        settings.slice_rows,
        {"cluster of features": clusters(features.of(looked, looked.rows), CLUSTERS, looked.seed)},
    )
    groups = looked.rows["group"].to_numpy()
    found = finding.find(bad, conditions, groups, least=settings.slice_rows, most=settings.slices)
    about = (
        f"{found.looks:,} slices of {settings.slice_rows} rows and more were looked at: "
        f"{asked_of(found, len(conditions))}, and pairs of them. A slice is shown if the chance to find any such one, "
        f"were the model equally good everywhere, is under {finding.LEVEL:.0%}"
        + (", rows of a group not taken for independent." if len(set(groups.tolist())) < len(groups) else ".")
    )
    if not found.slices:
        return Part(
            "Slices", f'<p>No slice is worse than chance has it.</p><p class="note">{about}</p>', _numbers(found)
        )
    lines: list[Sequence[Cell]] = []
    sheets, numbers = [], _numbers(found)
    for own in found.slices:
        scores = scored.beside_rest(
            looked.measure, looked.outputs, looked.target, facts, own.rows,
            groups=groups, resamples=RESAMPLES, seed=looked.seed,
        )  # fmt: skip
        entries = [interval(primary.unit, scores[name]) for name in ("slice", "rest")]
        apart = change(primary.unit, scores["difference"])
        lines.append((Word(own.words), f"{int(own.rows.sum()):,}", *entries, apart, f"{own.chance:.1g}"))
        numbers["slices"].append(
            {"slice": own.words, "rows": int(own.rows.sum()), "chance": own.chance, "metric": scores}
        )
        inside = np.flatnonzero(own.rows)
        shown = worst.of_rows(looked, inside[np.argsort(-bad[inside], kind="stable")[:ROWS]])
        said = f"<summary><bdi>{escape(own.words)}</bdi></summary>"
        sheets.append(f"<details>{said}{cards.to_html(shown)}</details>")
    name = words(primary.name) + of_unit(primary.unit)
    heads = (Word("slice"), "rows", f"{name} there", "elsewhere", "better by", "chance")
    table = page.table(Table("", heads, lines, (about,)))
    return Part("Slices", f"{table}{''.join(sheets)}", numbers)


def asked_of(found: finding.Found, conditions: int) -> str:
    """Return how many conditions were asked for, of how many there are."""
    few = found.conditions < conditions
    return f"{found.conditions:,}{f' of {conditions:,}' if few else ''} conditions{', evenly chosen' if few else ''}"


def _numbers(found: finding.Found) -> dict[str, Any]:
    return {"looks": found.looks, "slices": []}


def clusters(seen: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the cluster of each row, object [N] of "1", "2", …: k-means on standardised features [N, D].

    Rows with features that are no finite numbers are one of their own.
    """
    from sklearn.cluster import KMeans

    found, finite = np.full(len(seen), "no finite numbers", object), np.isfinite(seen).all(axis=1)
    if finite.any():
        known = seen[finite]
        spread = known.std(axis=0)
        scaled = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1)
        made = KMeans(min(count, len(np.unique(scaled, axis=0))), n_init=1, random_state=seed).fit(scaled)
        found[finite] = [str(place + 1) for place in made.labels_]
    return found
