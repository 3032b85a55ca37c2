"""Mistakes of a number per row: the answers furthest above and furthest below the truth."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import number
from chainrule.evaluation.shown import Worst, Wrong


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return by how much each answer is off, float64 [N]; `target` [N]."""
    return np.asarray(np.abs(number.answers(outputs, facts) - np.asarray(target, np.float64)))


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` too high and too low."""
    found, true = number.answers(outputs, facts), np.asarray(target, np.float64)
    error = found - true

    def shown(title: str, way: int) -> Worst:
        order = np.argsort(-way * error, kind="stable")[:most]
        rows = [
            Wrong(int(row), f"{found[row]:.4g}", f"{error[row]:+.4g}", f"{true[row]:.4g}")
            for row in order
            if way * error[row] > 0
        ]
        note = "The answers furthest off this way: look here first for wrong numbers."
        return Worst(title, note, "None: no answer is.", rows)

    return [shown("Furthest above the truth", 1), shown("Furthest below the truth", -1)]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return nothing: a number is not taken for another, but off."""
    return []
