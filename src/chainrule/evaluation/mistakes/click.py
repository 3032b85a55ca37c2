"""Mistakes of an order of items: what a user chose and the model puts far behind."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.shown import Worst, Wrong


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how far behind each chosen item stands, float64 [N]: the logarithm of its place."""
    return np.asarray(np.log2(np.maximum(np.asarray(outputs["rank"], np.float64), 1)))


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return at most `most` rows: chosen items that stand last, those that training met before others."""
    rank = np.asarray(outputs["rank"], np.float64)
    met = np.asarray(outputs["popularity"]) > 0
    order = np.lexsort((-rank, ~met))[:most]
    rows = [Wrong(int(row), f"place {rank[row]:,.0f}", "", "chosen") for row in order if rank[row] > 1]
    note = "Items that their users chose and that stand last in their lists; training met them."
    return [Worst("Furthest behind", note, "None: all stand first.", rows)]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return nothing: an item is not taken for another, but stands behind."""
    return []
