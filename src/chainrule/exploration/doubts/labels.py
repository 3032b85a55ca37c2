"""Sets of labels that look wrong: a label too many or one that is missing, each label by confident learning.

Thyagarajan, Snorrason, Northcutt and Mueller 2022, "Identifying incorrect annotations in multi-label classification
data", https://arxiv.org/abs/2211.13895: each label is a question of its own, and a row is as doubtful as the
answer that is the least probable.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubt, Doubts
from chainrule.exploration.doubts.label import confident
from chainrule.fields import labels


def doubts(simple: Any, inputs: Any, values: Sequence[Any], folds: Sequence[Fold]) -> Doubts:
    """Return the sets that look wrong; simple: a module of `exploration.simple`, and `inputs` its features of N rows.

    Each `score` is the probability of the given answer to the most doubtful label.
    """
    facts = labels.fit(values)
    true, names = np.asarray(labels.encode(values, facts)) > 0.5, facts["classes"]
    chances = simple.each_of(inputs, true.astype(np.float64), folds)
    given = np.where(true, chances, 1 - chances)
    wrong = np.zeros(true.shape, bool)
    right = []
    for place in range(len(names)):
        judged = ~np.isnan(chances[:, place])
        told, said = true[judged, place].astype(np.int64), chances[judged, place]
        if len(told):
            wrong[judged, place] = confident(np.stack([1 - said, said], axis=1), told) != told
            right.append(float(((said >= 0.5) == told).mean()))
    worst = np.where(wrong, given, np.inf)
    doubtful = np.flatnonzero(wrong.any(axis=1))
    order = doubtful[np.argsort(worst[doubtful].min(axis=1), kind="stable")]
    rows = [_doubt(int(row), int(worst[row].argmin()), true[row], chances[row], names) for row in order]
    good = float(np.mean(right)) if right else float("nan")
    sentence = f"It answers {good:.1%} of the questions whether a row has a label as they were; "
    return Doubts(rows, f"{sentence}{len(rows):,} rows look wrong in a label at least.", {"accuracy": round(good, 6)})


def _doubt(row: int, place: int, true: np.ndarray, chances: np.ndarray, names: Sequence[str]) -> Doubt:
    had = bool(true[place])
    return Doubt(
        row=row,
        given=", ".join(name for name, own in zip(names, true, strict=True) if own) or "no label",
        suspected=f"{'without' if had else 'with'} {names[place]}",
        sure=f"{names[place]} has {chances[place]:.1%}",
        score=round(float(chances[place] if had else 1 - chances[place]), 6),
    )
