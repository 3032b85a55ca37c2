"""Rows that are equal or alike, side by side: what cleaning tied together, left out, or could not decide."""

from html import escape

import numpy as np
import pandas as pd

from chainrule.evaluation.parts import Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked
from chainrule.exploration.looked import rows as counted
from chainrule.system import plugins

PAIRS, COPIES, CONTRARY = 6, 4, 4
"""Pairs that are shown, rows with copies, and rows that contradict others."""
UNDECIDED = ("conflicting_labels", "outvoted")


def part(looked: Looked) -> Part | None:
    """Return pairs of training and validation rows that are alike, rows with copies, and rows that contradict others.

    Pairs whose targets contradict each other stand first, then those across two splits.
    """
    pairs = _pairs(looked)
    copies = looked.links[looked.links["kind"].isin(["copy", "unlabelled_copy"])]
    reasons = looked.clean["reasons"]
    undecided = sum(reasons.get(reason, 0) for reason in UNDECIDED)
    contrary = int(pairs["contrary"].sum())
    if pairs.empty and copies.empty and not undecided:
        return None
    narrow = plugins.load("exploration.inputs", looked.block["modality"]).NARROW
    bodies = []
    if len(pairs):
        first = pairs.sort_values(["contrary", "across"], ascending=False, kind="stable").head(PAIRS)
        shown = [
            drawing.pair(_row(looked, one), _row(looked, other))
            for one, other in zip(first["id"], first["other"], strict=True)
        ]
        bodies.append(f"<h3>Alike: {len(pairs):,} pairs of training and validation rows, all kept</h3>")
        bodies.append(drawing.pairs(shown, narrow))
    if len(copies):
        counts = copies["id"].value_counts()
        shown_ids = {own for rows in looked.splits.values() for own in rows["id"]}
        known = sorted((name for name in counts.index if name in shown_ids), key=lambda name: (-counts[name], name))
        shown = [
            drawing.pair(
                _row(looked, name), f"{counts[name]:,} equal row{'s were' if counts[name] > 1 else ' was'} left out"
            )
            for name in known[:COPIES]
        ]
        bodies.append(f"<h3>Equal: {counted(len(copies))} left out as copies</h3>{drawing.pairs(shown, narrow)}")
    if undecided:
        bodies.append(f"<h3>Equal, with targets that contradict each other: {counted(undecided)} left out</h3>")
        bodies.append(_undecided(looked))
    look_at = []
    if contrary:
        look_at.append(f"{contrary:,} of {len(pairs):,} pairs that are alike have targets that contradict each other")
    if undecided:
        look_at.append(f"{undecided:,} rows were left out, as equal rows have other targets")
    numbers = {"pairs": len(pairs), "contrary": contrary, "copies": len(copies), "look_at": look_at}
    return Part("Duplicates", "".join(bodies), numbers)


def _pairs(looked: Looked) -> pd.DataFrame:
    """Return the pairs of rows that are alike and may both be shown, with `contrary` and `across`."""
    target_name = looked.columns.target.name
    links = looked.links[looked.links["kind"].isin(["near", "apart"])]
    tied = {*links["id"], *links["other"]}
    rows = [
        each.loc[each["id"].isin(tied), ["id", target_name]].assign(split=split)
        for split, each in looked.splits.items()
    ]
    known = pd.concat(rows, ignore_index=True).set_index("id")
    links = links[links["id"].isin(known.index) & links["other"].isin(known.index)].reset_index(drop=True)
    target = known[target_name]
    one, other = target.reindex(links["id"]).to_numpy(), target.reindex(links["other"]).to_numpy()
    differ = np.array(
        [mine == mine and yours == yours and mine != yours for mine, yours in zip(one, other, strict=True)]
    )
    contrary = [
        bool(differs) and looked.rules.contradictory([mine, yours])
        for differs, mine, yours in zip(differ, one, other, strict=True)
    ]
    across = known["split"].reindex(links["id"]).to_numpy() != known["split"].reindex(links["other"]).to_numpy()
    return links.assign(contrary=pd.Series(contrary, dtype=bool), across=pd.Series(across, dtype=bool))


def _row(looked: Looked, own: str) -> str:
    """Return a row with its target, split and id."""
    show = plugins.load("exploration.inputs", looked.block["modality"])
    split, row = next(
        (split, found.iloc[0]) for split, rows in looked.splits.items() if len(found := rows[rows["id"] == own])
    )
    target = plugins.load("exploration.targets", looked.block["target"]).said(row[looked.columns.target.name])
    values = "".join(show.shown(row[column.name], target) for column in looked.columns.inputs)
    return f'{values}<b dir="auto">{escape(target)}</b> <small>{split}, {escape(own)}</small>'


def _undecided(looked: Looked) -> str:
    """Return some of the rows that were left out as equal rows have other targets."""
    show = plugins.load("exploration.inputs", looked.block["modality"])
    rows = looked.rejected[looked.rejected["reason"].isin(UNDECIDED) & looked.rejected["id"].isin(looked.raw.index)]
    shown = []
    for _, row in rows.head(CONTRARY).iterrows():
        raw = looked.raw.loc[row["id"]]
        values = "".join(show.shown_raw(raw[column.name]) for column in looked.columns.inputs)
        said = f'<b dir="auto">{escape(str(row[looked.columns.target.name]))}</b> <small>{escape(row["id"])}</small>'
        shown.append(drawing.pair(values + said, escape(row["detail"])))
    return drawing.pairs(shown, show.NARROW)
