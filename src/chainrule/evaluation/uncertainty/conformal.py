"""Split conformal prediction: sets of labels that hold the true one for a chosen share of rows.

A score says how ill a label suits a row; the set of a row holds the labels whose score is no larger than a threshold,
which is a quantile of the scores of the true labels of rows that no weight was set by (Papadopoulos et al. 2002,
doi:10.1007/3-540-36755-1_29; Angelopoulos and Bates 2021, arXiv:2107.07511). Whatever the model, the set of a further
row then holds its label with a probability of at least the share, and at most 1 / (N + 1) more where no two scores are
the same. It is assumed that further rows are exchangeable with the N: drawn as they were. Rows of one group are not, so
where groups are large the share holds on average over groups like these and no closer than so many groups can tell. It
is a promise about rows taken together, not about each class or each kind of row.

- lac: 1 less the probability of the label. The smallest sets on average (Sadinle, Lei and Wasserman 2019,
  doi:10.1080/01621459.2017.1395341, there "least ambiguous with bounded error levels").
- aps: the probability of all labels that are likelier. Sets that grow with a row's difficulty (Romano, Sesia and Candès
  2020, arXiv:2006.02544). The paper adds a random part of the label's own probability; here it is none, for an answer
  depends on the request alone, and all of it would give sure rows the worst of scores.

The likeliest label is in every set, which can only add to the share of sets that hold the truth: a model that is right
more often than the share has sets of one label.
"""

import math

import numpy as np

METHODS = ("lac", "aps")


def threshold(scores: np.ndarray, share: float) -> float:
    """Return the ceil((N + 1) · share)-th smallest of scores [N], infinity where there are too few for that."""
    place = math.ceil(round((len(scores) + 1) * share, 9))
    return float(np.partition(scores, place - 1)[place - 1]) if place <= len(scores) else math.inf


def scores(chances: np.ndarray, method: str) -> np.ndarray:
    """Return how ill each label suits each row, float64 [N, C], of probabilities [N, C]; method: one of METHODS."""
    if method == "lac":
        return 1 - np.asarray(chances, np.float64)
    if method != "aps":
        raise ValueError(f"a method is one of {', '.join(METHODS)}, not {method!r}")
    order = np.argsort(-chances, axis=1, kind="stable")
    ranked = np.take_along_axis(np.asarray(chances, np.float64), order, axis=1)
    found = np.empty_like(ranked)
    np.put_along_axis(found, order, np.cumsum(ranked, axis=1) - ranked, axis=1)
    return found


def fit(chances: np.ndarray, target: np.ndarray, share: float, method: str) -> float:
    """Return the threshold of a method by probabilities [N, C] and classes int [N] of rows that set no weight.

    At most 1, of which every set has all labels, as it must where there are too few rows.
    """
    return min(1.0, threshold(scores(chances, method)[np.arange(len(target)), target], share))


def sets(chances: np.ndarray, limit: float, method: str) -> np.ndarray:
    """Return the labels in the set of each row, bool [N, C]; limit: what `fit` gave."""
    # A sum of all probabilities may be a rounding above 1.
    found = scores(chances, method) <= (limit if limit < 1 else math.inf)
    found[np.arange(len(chances)), chances.argmax(axis=1)] = True
    return np.asarray(found)


def rounded_up(limit: float) -> float:
    """Return a threshold to six decimals: rounded down, it would leave out the very row that it is the score of."""
    return math.ceil(limit * 1e6) / 1e6


def coverage(held: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return what sets bool [N, C] are worth for rows of classes int [N], as plain data.

    coverage: share of sets with the true label; size: labels in a set, the mean; single: share of sets of one label.
    """
    sizes = held.sum(axis=1)
    return {
        "coverage": float(held[np.arange(len(target)), target].mean()),
        "size": float(sizes.mean()),
        "single": float((sizes == 1).mean()),
    }
