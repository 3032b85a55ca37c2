"""Scores of ratings, from a model's outputs `value`, `low`, `high`, `rank` and `user_place` [N].

- root_mean_squared_error: PRIMARY, in the unit of the scale; mean_absolute_error of the same errors.
- ndcg_at_10: of each user the sum over the held-out items they liked of 1 / log2(1 + rank), for ranks up to 10, beside
  that of the best order there could be (Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418, with gains
  of 1, as scikit-learn's ndcg_score); the mean over users.
- recall_at_10: of each user the share of these items that are among the first 10; the mean over users.
- coverage: the share of rows whose rating is from low to high; None for a model that gives no interval.

An item is liked whose rating is at least the mean of the training ratings. `rank` is its place, from 1, in the whole
catalogue without what the user met in training; an item that training did not meet stands behind all of it. A user
who liked nothing of the rows counts in the errors alone. A row without an answer (a NaN) counts as if the mean of the
training rows had been answered, and as the last in its order.
"""

import numpy as np

from chainrule.evaluation.primary import Facts, Metrics, Outputs, Primary, Score
from chainrule.evaluation.scores import number
from chainrule.evaluation.scores.number import agree, aligned, answers, comparable, joined

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
    "ranking",
    "ranking_metrics",
    "statistics",
]
UNIT = "on the scale"
FIRST = 10
"""Items of a list that are looked at."""
PRIMARY = Primary("root_mean_squared_error", more_is_better=False, unit=UNIT)
RANKING = (
    Score("ndcg_at_10", "NDCG@10", more_is_better=True),
    Score("recall_at_10", "Recall@10", more_is_better=True),
)
SCORES = (
    Score("root_mean_squared_error", "Root mean squared error", more_is_better=False, unit=UNIT),
    Score("mean_absolute_error", "Mean absolute error", more_is_better=False, unit=UNIT),
    *RANKING,
    Score("coverage", "Within the interval of 90%", more_is_better=True),
)
UNORDERED = True
"""Places in a list hang on rounding where scores are alike: a graph is held against its model by `comparable`."""
HEADLINE = ("ndcg_at_10", "recall_at_10")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "How wide an interval is that holds 90% of the ratings, the validation split has told."


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 10], what each row adds: the seven of a number, and the three of `ranking`; `target` [N].

    Raises ValueError when the arrays do not fit together.
    """
    return np.column_stack([number.statistics(outputs, target, facts), ranking(outputs, target, facts)])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 10]."""
    told = number.metrics(sums[..., :7], facts)
    names = ("root_mean_squared_error", "mean_absolute_error", "coverage")
    return {**{name: told[name] for name in names}, **ranking_metrics(sums[..., 7:])}


def ranking(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 3], what each row adds to users, NDCG and recall: a user's liked rows add up to one user."""
    liked = np.asarray(target, np.float64) >= facts["relevant"]
    _, user = np.unique(np.asarray(outputs["user_place"]), return_inverse=True)
    count = np.bincount(user, weights=liked)[user]
    share = np.divide(liked, count, out=np.zeros(len(liked)), where=count > 0)
    rank = np.nan_to_num(np.asarray(outputs["rank"], np.float64), nan=np.inf)
    found = liked & (rank <= FIRST)
    gain = np.where(found, 1 / np.log2(1 + np.where(found, rank, 1)), 0.0)
    return np.column_stack([share, gain / best(count), share * found])


def best(count: np.ndarray) -> np.ndarray:
    """Return the gain of the best order, float64 [N], of users with so many liked items; 1 of those with none."""
    whole = np.cumsum(1 / np.log2(1 + np.arange(1, FIRST + 1)))
    return np.asarray(whole[np.clip(count, 1, FIRST).astype(np.int64) - 1])


def ranking_metrics(sums: np.ndarray) -> Metrics:
    """Return NDCG and recall [...] of the sums [..., 3] of `ranking`; NaN where no user liked anything."""
    users, gain, recall = np.moveaxis(np.asarray(sums), -1, 0)
    some = users > 1e-9
    over = np.where(some, users, 1)
    return {
        "ndcg_at_10": np.where(some, gain / over, np.nan),
        "recall_at_10": np.where(some, recall / over, np.nan),
    }
