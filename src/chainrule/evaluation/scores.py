"""Classification scores with 95% bootstrap percentile intervals.

Definitions:

- accuracy; precision, recall and F1 of each class and their unweighted (macro) means.
- roc_auc: two classes, the area for the last class; more, the macro mean of one class against the rest. Ties
  count half (Mann-Whitney).
- log_loss: mean natural logarithm of the true class, in nats; probabilities below 2.2e-16 count as 2.2e-16.
- expected_calibration_error: Guo et al. 2017, "On calibration of modern neural networks", equation 3: 15
  equal-width bins (lower, upper] on the confidence, the largest probability of a row. It is biased upwards on
  few rows, and resampling adds to that bias, so its interval can lie above its value.

Undefined cases, in the rows themselves and in each resample alike:

- A class without a row has no recall and no ROC area. It is left out of the macro means (a zero would only
  measure the luck of the draw), and out of its own intervals; `absent_resamples` of the class says in how
  many resamples that was so.
- A class that is never predicted has precision 0, as scikit-learn's zero_division=0; `unpredicted_resamples`
  counts these.
- With one class only there is no ROC area: `undefined_resamples` counts the resamples left out of its
  interval.
- A score that is undefined on the rows themselves is None.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, group_index, percentile_interval, resample_counts, unseen

CALIBRATION_BINS = 15
SCORES = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "roc_auc",
    "log_loss",
    "expected_calibration_error",
)
_SMALLEST = float(np.finfo(np.float64).eps)


def classification_scores(
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
    progress: Progress = unseen,
) -> dict[str, Any]:
    """Every score with its interval, from labels int64 [N] in 0..C-1 and probabilities [N, C] whose rows sum
    to 1.

    `groups` [N] are resampled whole; None resamples rows. The result is plain data, numbers rounded to 6
    decimals: {score: {"value", "low", "high"} for score in SCORES, "per_class": {name: {"precision",
    "recall", "f1" (each with an interval), "support", "absent_resamples", "unpredicted_resamples"}},
    "undefined_resamples": {"roc_auc": n}, "rows", "groups", "resamples"}. Raises ValueError when the arrays
    do not fit together.
    """
    probabilities = _checked(labels, probabilities, class_names, resamples)
    rows, classes = probabilities.shape
    index, group_count = group_index(groups, rows)
    sums = _group_sums(labels, probabilities, index, group_count)
    orders = _score_orders(labels, probabilities, index)

    value = _scores(np.ones((group_count, 1)), sums, orders, classes)
    resampled = resample_counts(group_count, rows, resamples, seed, progress)
    blocks = [_scores(counts, sums, orders, classes) for counts in resampled]
    drawn = {name: np.concatenate([block[name] for block in blocks]) for name in value}
    intervals = {name: percentile_interval(drawn[name]) for name in value}

    def entry(name: str, *at: int) -> dict[str, float | None]:
        low, high = intervals[name]
        return {"value": _plain(value[name][(0, *at)]), "low": _plain(low[at]), "high": _plain(high[at])}

    per_class = {
        class_name: {
            "precision": entry("precision", number),
            "recall": entry("recall", number),
            "f1": entry("f1", number),
            "support": int(value["support"][0, number]),
            "absent_resamples": int((drawn["support"][:, number] == 0).sum()),
            "unpredicted_resamples": int((drawn["predicted"][:, number] == 0).sum()),
        }
        for number, class_name in enumerate(class_names)
    }
    return {
        **{name: entry(name) for name in SCORES},
        "per_class": per_class,
        "undefined_resamples": {"roc_auc": int(np.isnan(drawn["roc_auc"]).sum())},
        "rows": rows,
        "groups": group_count,
        "resamples": resamples,
    }


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """The bins behind the calibration error, each [15]: "count", and mean "confidence" and "accuracy" (NaN if
    empty).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = _confidence_bin(confidence)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    some = np.where(count, count, np.nan)
    return {
        "count": count,
        "confidence": np.bincount(bins, confidence, CALIBRATION_BINS) / some,
        "accuracy": np.bincount(bins, right, CALIBRATION_BINS) / some,
    }


def _checked(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], resamples: int) -> np.ndarray:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} are not [N] and [N, C], N > 0")
    if probabilities.shape[1] != len(class_names) or len(class_names) < 2 or len(set(class_names)) < len(class_names):
        raise ValueError(f"{probabilities.shape[1]} columns need as many distinct class names, at least 2")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, classes from 0 to {len(class_names) - 1}")
    if not (probabilities >= 0).all() or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-4:
        raise ValueError("probabilities are negative, not numbers, or do not sum to 1 in every row")
    if resamples < 1:
        raise ValueError("an interval needs at least 1 resample")
    return probabilities


def _confidence_bin(confidence: np.ndarray) -> np.ndarray:
    upper = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64)
    return np.asarray(np.clip(upper, 1, CALIBRATION_BINS) - 1)


def _group_sums(labels: np.ndarray, probabilities: np.ndarray, index: np.ndarray, group_count: int) -> Any:
    """Sparse [3C + 2 + 15, G]: per group, what all scores but the ROC area are sums of.

    In order: right answers, predictions and rows of each class; rows; log-loss; confidence minus right
    answers by bin. A resample is then a product with its counts, whatever the number of rows.
    """
    from scipy.sparse import coo_array

    rows, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    ones = np.ones(rows)
    confidence = probabilities.max(axis=1)
    loss = -np.log(np.maximum(probabilities[np.arange(rows), labels], _SMALLEST))
    bins = 3 * classes + 2 + _confidence_bin(confidence)
    where = [
        labels,
        classes + predicted,
        2 * classes + labels,
        np.full(rows, 3 * classes),
        np.full(rows, 3 * classes + 1),
    ]
    what = [right.astype(np.float64), ones, ones, ones, loss]
    lines = np.concatenate([*where, bins])
    values = np.concatenate([*what, confidence - right])
    shape = (3 * classes + 2 + CALIBRATION_BINS, group_count)
    return coo_array((values, (lines, np.tile(index, 6))), shape=shape).tocsr()


def _score_orders(labels: np.ndarray, probabilities: np.ndarray, index: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """For each ROC area: the group of each row in ascending order of score, and per positive row (in that
    order) its group and the bounds of its block of equal scores.
    """
    classes = probabilities.shape[1]
    orders: list[tuple[np.ndarray, ...]] = []
    for positive in [1] if classes == 2 else range(classes):
        order = np.argsort(probabilities[:, positive], kind="stable")
        ranked = probabilities[order, positive]
        positives = order[labels[order] == positive]
        its_scores = probabilities[positives, positive]
        start = np.searchsorted(ranked, its_scores, side="left")
        end = np.searchsorted(ranked, its_scores, side="right")
        orders.append((index[order], index[positives], start, end))
    return orders


def _scores(counts: np.ndarray, sums: Any, orders: list[tuple[np.ndarray, ...]], classes: int) -> dict[str, np.ndarray]:
    """Scores of each resample from the group counts [G, b]: [b], or [b, C] for those of a class; NaN where
    undefined.
    """
    totals = (sums @ counts).T
    right, predicted, support = (totals[:, part * classes : (part + 1) * classes] for part in range(3))
    rows = totals[:, 3 * classes]
    present = support > 0
    precision = np.where(present, right / np.maximum(predicted, 1), np.nan)
    recall = np.where(present, right / np.maximum(support, 1), np.nan)
    f1 = np.where(present, 2 * right / np.maximum(predicted + support, 1), np.nan)
    areas = np.stack([_roc_area(counts, *order) for order in orders], axis=1)
    return {
        "accuracy": right.sum(axis=1) / rows,
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
        "macro_f1": _mean(f1),
        "roc_auc": _mean(areas),
        "log_loss": totals[:, 3 * classes + 1] / rows,
        "expected_calibration_error": np.abs(totals[:, 3 * classes + 2 :]).sum(axis=1) / rows,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": support,
        "predicted": predicted,
    }


def _roc_area(
    counts: np.ndarray, ranked: np.ndarray, positives: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Weighted Mann-Whitney statistic: the positives' rank sum less what they score against themselves (half
    of all pairs).
    """
    below = np.empty((len(ranked) + 1, counts.shape[1]))
    below[0] = 0
    np.cumsum(counts[ranked], axis=0, out=below[1:])
    weights = counts[positives]
    total = weights.sum(axis=0)
    rank_sum = np.einsum("ib,ib->b", weights, below[start] + below[end]) / 2
    pairs = total * (below[-1] - total)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (rank_sum - total**2 / 2) / pairs, np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the defined columns of [b, C]; NaN where none is."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=1)
    return np.where(number, np.where(defined, values, 0).sum(axis=1) / np.maximum(number, 1), np.nan)


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else round(float(number), 6)
