"""Scores of what users chose, from a model's outputs `value`, `rank` and `user_place` [N].

- ndcg_at_10: PRIMARY; recall_at_10. Both as of ratings (`evaluation.scores.rating`): every held-out row is an item that
  its user chose.
"""

import numpy as np

from chainrule.evaluation.primary import SHARE, Facts, Metrics, Outputs, Primary
from chainrule.evaluation.scores.number import aligned, answers, comparable, joined
from chainrule.evaluation.scores.rating import RANKING, ranking, ranking_metrics

__all__ = [
    "CALIBRATED",
    "HEADLINE",
    "PRIMARY",
    "SCORES",
    "UNORDERED",
    "agree",
    "aligned",
    "answers",
    "comparable",
    "joined",
    "metrics",
    "statistics",
]
PRIMARY = Primary("ndcg_at_10", more_is_better=True, unit=SHARE)
SCORES = RANKING
UNORDERED = True
"""As of ratings."""
HEADLINE = ("recall_at_10",)
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "Scores put items in order and are no probabilities; nothing was calibrated."
SAME = 0.01
"""Two models agree on an item whose places differ by at most this share of the places, or by one."""


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 3], what each row adds to users, NDCG and recall."""
    return ranking(outputs, target, facts)


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 3]."""
    return ranking_metrics(sums)


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models put an item in about the same place, bool [N]."""
    one, other = (np.asarray(each["rank"], np.float64) for each in (ours, theirs))
    return np.asarray(np.abs(one - other) <= 1 + SAME * np.minimum(one, other))
