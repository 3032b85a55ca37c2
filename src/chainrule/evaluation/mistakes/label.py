"""Mistakes of one label per row: the sure ones, the unlikely truths, the close calls, what is taken for what."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import label
from chainrule.evaluation.shown import Worst, Wrong


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows are answered wrong, float64 [N] of 0 and 1."""
    return (~label.right(outputs, target, facts)).astype(np.float64)


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort; `target` int64 [N]."""
    chances = np.nan_to_num(label.probabilities(outputs), nan=0.0)
    classes, rows = facts["classes"], np.arange(len(target))
    taken, true = chances.argmax(axis=1), chances[rows, target]
    wrong = np.flatnonzero(bad(outputs, target, facts))
    order = np.argsort(-chances, axis=1, kind="stable")
    first, second = chances[rows, order[:, 0]], chances[rows, order[:, min(1, len(classes) - 1)]]

    def shown(places: np.ndarray, detail: str) -> list[Wrong]:
        found = []
        for row in places[:most].tolist():
            said = {"sure": f"{first[row]:.1%}", "true": f"the true class: {true[row]:.1%}"}
            said["close"] = f"{first[row]:.1%}, {classes[order[row, 1]]} {second[row]:.1%}" if len(classes) > 1 else ""
            found.append(Wrong(row, classes[taken[row]], said[detail], classes[target[row]]))
        return found

    surest = wrong[np.argsort(-first[wrong], kind="stable")]
    found = [
        Worst(
            "Most confident mistakes",
            "Wrong answers the model was surest of: look here first for wrong labels.",
            "None: every row was answered right.",
            shown(surest, "sure"),
        )
    ]
    if len(classes) > 2:  # of two classes these are the same rows
        unlikely = wrong[np.argsort(true[wrong], kind="stable")]
        note = "Rows whose true class the model held for least likely: they weigh most in the log-loss."
        found.append(Worst("Worst by loss", note, "None.", shown(unlikely, "true")))
    close = np.argsort(first - second, kind="stable")
    note = "Rows between two classes, answered right or wrong: a few more rows like these teach a model most."
    return [*found, Worst("Near the border", note, "None.", shown(close, "close") if len(classes) > 1 else [])]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return every pair of classes that are taken for one another in words, with its rows, the most frequent first.

    The rows the model was surest of stand first; int64 [n].
    """
    classes, said = facts["classes"], label.said(outputs)
    sure = np.nan_to_num(label.probabilities(outputs), nan=0.0).max(axis=1)
    found = []
    for true, taken in {(int(one), int(other)) for one, other in zip(target, said, strict=True) if one != other}:
        rows = np.flatnonzero((target == true) & (said == taken))
        name = classes[taken] if taken >= 0 else "no class"
        found.append((f"{classes[true]} taken for {name}", rows[np.argsort(-sure[rows], kind="stable")]))
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0]))
