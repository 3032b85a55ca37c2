"""Mistakes of texts that were written: those furthest from what a person wrote, and those that are much too short."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import wording
from chainrule.evaluation.shown import Worst, Wrong
from chainrule.fields.wording import texts

SHORT = 0.6
"""A text of less than this share of the reference's words leaves something out."""


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how far each text is from its reference, float64 [N]: 1 less its chrF as a share."""
    return 1 - wording.by_row(outputs, target, facts)["chrf"] / 100


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    said, true = texts(outputs["text"]), texts(target)
    found = wording.by_row(outputs, target, facts)
    share = np.array([len(one.split()) / max(1, len(other.split())) for one, other in zip(said, true, strict=True)])

    def shown(places: np.ndarray) -> list[Wrong]:
        return [Wrong(int(row), said[row], f"chrF {found['chrf'][row]:.1f}", true[row]) for row in places[:most]]

    order = np.argsort(found["chrf"], kind="stable")
    short = np.flatnonzero(share < SHORT)
    return [
        Worst("Furthest from the reference", "Texts with the lowest chrF.", "None.", shown(order)),
        Worst(
            "Much too short",
            f"Texts of less than {SHORT:.0%} of the reference's words: something was left out.",
            "None: no text is.",
            shown(short[np.argsort(share[short], kind="stable")]),
        ),
    ]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return nothing: a text is not taken for another."""
    return []
