"""Mistakes of a set of labels per row: labels missed and labels given in vain, the sure ones and the close calls."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import labels
from chainrule.evaluation.shown import Worst, Wrong


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows have not just their labels, float64 [N] of 0 and 1; `target` [N, C] of 0 and 1."""
    return (~labels.right(outputs, target, facts)).astype(np.float64)


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    classes, true, given = facts["classes"], np.asarray(target) > 0.5, labels.chosen(outputs, facts)
    chances = np.nan_to_num(labels.probabilities(outputs), nan=0.0)
    off = np.where(given == true, 0, np.abs(true - chances))
    count = (given != true).sum(axis=1)
    border = np.abs(chances - np.asarray(facts.get("thresholds", 0.5)))

    def shown(places: np.ndarray, at: np.ndarray) -> list[Wrong]:
        return [
            Wrong(
                row, _named(given[row], classes), f"{classes[at[row]]}: {chances[row, at[row]]:.1%}",
                _named(true[row], classes),
            )
            for row in places[:most].tolist()
        ]  # fmt: skip

    wrong = np.flatnonzero(count)
    surest = wrong[np.argsort(-off[wrong].max(axis=1), kind="stable")] if len(wrong) else wrong
    note = "Sets with a wrong label the model was surest of: look here first for wrong labels."
    found = [
        Worst("Most confident mistakes", note, "None: every row has just its labels.", shown(surest, off.argmax(1)))
    ]
    most_wrong = wrong[np.lexsort((-off[wrong].sum(axis=1), -count[wrong]))]
    found.append(
        Worst("Most labels wrong", "Sets with the most wrong labels.", "None.", shown(most_wrong, off.argmax(1)))
    )
    close = np.argsort(border.min(axis=1), kind="stable")
    note = "Rows with a label whose probability is next to its threshold, answered right or wrong."
    return [*found, Worst("Near the border", note, "None.", shown(close, border.argmin(axis=1)))]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return every label that is missed or given in vain, in words, with its rows int64 [n], the most frequent first.

    The rows the model was surest of stand first.
    """
    true, given = np.asarray(target) > 0.5, labels.chosen(outputs, facts)
    chances = np.nan_to_num(labels.probabilities(outputs), nan=0.0)
    found = []
    for place, name in enumerate(facts["classes"]):
        for said, rows, sure in (
            (f"{name} missed", np.flatnonzero(true[:, place] & ~given[:, place]), -chances[:, place]),
            (f"{name} given in vain", np.flatnonzero(~true[:, place] & given[:, place]), chances[:, place]),
        ):
            if len(rows):
                found.append((said, rows[np.argsort(-sure[rows], kind="stable")]))
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0]))


def _named(flags: np.ndarray, classes: list[str]) -> str:
    return ", ".join(classes[place] for place in np.flatnonzero(flags).tolist()) or "no label"
