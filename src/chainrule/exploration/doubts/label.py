"""Labels that look wrong, by confident learning.

Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels",
https://doi.org/10.1613/jair.1.12125. Probabilities are said by a model that was not fitted to the row, and are seen
beside what is usual: what a class has on average among the rows that were given it. That makes up for classes that the
model is less sure of. A label is doubted where another class is more probable, those first whose probability is the
least share of the usual. How many are wrong is estimated more strictly: where another class is likelier than usual.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubt, Doubts
from chainrule.fields import label

LOUD, KNOWS = 0.02, 0.8
"""The share of wrong labels that a reader must not miss, if the model is right on more than this share of all rows,
and most of its doubts are strict: else it may be the model that is wrong."""


def doubts(simple: Any, inputs: Any, values: Sequence[str], folds: Sequence[Fold]) -> Doubts:
    """Return the labels that look wrong; simple: a module of `exploration.simple`, and `inputs` its features of N rows.

    A row that no fold holds out is not judged. Each `score` is the probability of the label that was given, as a share
    of the usual one.
    """
    facts = label.fit(values)
    target, names = label.encode(values, facts), facts["classes"]
    chances = simple.one_of(inputs, target, len(names), folds)
    places = np.flatnonzero(~np.isnan(chances).any(axis=1))
    chances, given = chances[places], target[places]
    own, best = chances[np.arange(len(given)), given], chances.argmax(axis=1)
    share = own / np.maximum(usual(chances, given)[given], 1e-12)
    wrong = np.flatnonzero(best != given)
    rows = [
        Doubt(
            row=int(places[at]),
            given=names[given[at]],
            suspected=names[best[at]],
            sure=f"{_percent(chances[at, best[at]])}, and {_percent(own[at])} for the label",
            score=round(float(share[at]), 6),
        )
        for at in wrong[np.argsort(share[wrong], kind="stable")]
    ]
    right = float((best == given).mean())
    strict = int((confident(chances, given) != given).sum())
    said = (
        f"It gives {right:.1%} of the rows that it was not fitted to their label. Confident learning estimates "
        f"that {strict:,} labels are wrong; {len(rows):,} are less probable than another."
    )
    loud = strict > max(LOUD * len(given), len(rows) / 2) and right > KNOWS
    look_at = f"about {strict:,} of {len(given):,} labels look wrong" if loud else ""
    return Doubts(rows, said, {"accuracy": round(right, 6), "wrong": strict}, look_at)


def usual(chances: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the mean probability of each class among the rows that were given it, [C]; infinite without such rows.

    chances: float64 [N, C]; given: int [N].
    """
    found = np.full(chances.shape[1], np.inf)
    for number in np.unique(given):
        found[number] = chances[given == number, number].mean()
    return found


def confident(chances: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return for each row the most probable class of those that are likelier than usual, its own where none is: [N]."""
    likely = np.where(chances >= usual(chances, given), chances, -1.0)
    return np.where(likely.max(axis=1) < 0, given, likely.argmax(axis=1))


def _percent(chance: float) -> str:
    return f"{chance:.1%}" if 0.001 <= chance <= 0.999 else "under 0.1%" if chance < 0.5 else "over 99.9%"
