"""Scores of one label per row.

A model's outputs are `logits` [N, C], whose softmax are probabilities, or `probabilities` [N, C].

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
- A row without an answer (a NaN) is wrong: no class is predicted, every class has probability 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import per_class
from chainrule.evaluation.calibration import softmax
from chainrule.evaluation.primary import NATS, SHARE, Draws, Facts, Found, Metrics, Outputs, Primary, Score

PRIMARY = Primary("accuracy", more_is_better=True, unit=SHARE)
SCORES = (
    Score("accuracy", "Accuracy", more_is_better=True),
    Score("macro_precision", "Macro precision", more_is_better=True),
    Score("macro_recall", "Macro recall", more_is_better=True),
    Score("macro_f1", "Macro F1", more_is_better=True),
    Score("roc_auc", "ROC area", more_is_better=True),
    Score("log_loss", "Log-loss (nats)", more_is_better=False, unit=NATS),
    Score("expected_calibration_error", "Calibration error", more_is_better=False),
)
HEADLINE = ("macro_f1", "log_loss")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "Probabilities are calibrated on the validation split by one temperature."
CALIBRATION_BINS = 15
_SMALLEST = float(np.finfo(np.float64).eps)


def probabilities(outputs: Outputs) -> np.ndarray:
    """Return float64 [N, C], by softmax of the logits where no probabilities are among the outputs."""
    if "probabilities" in outputs:
        return np.asarray(outputs["probabilities"], dtype=np.float64)
    return softmax(outputs["logits"], 1.0)


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> Any:
    """Return, sparse float64 [N, 3C + 2 + 15], what each row adds; `target` int64 [N] in 0..C-1.

    In order: right answers, predictions and rows of each class; rows; log-loss; confidence minus right answers by
    bin. Raises ValueError when the arrays do not fit together.
    """
    from scipy.sparse import coo_array

    chances, answered = _checked(target, probabilities(outputs), facts["classes"])
    rows, classes = chances.shape
    predicted, confidence = chances.argmax(axis=1), chances.max(axis=1)
    hit = answered & (predicted == target)
    loss = -np.log(np.maximum(chances[np.arange(rows), target], _SMALLEST))
    where = [
        target,
        classes + predicted,
        2 * classes + target,
        np.full(rows, 3 * classes),
        np.full(rows, 3 * classes + 1),
        3 * classes + 2 + _confidence_bin(confidence),
    ]
    ones = np.ones(rows)
    what = [hit.astype(np.float64), answered.astype(np.float64), ones, ones, loss, confidence - hit]
    shape = (rows, 3 * classes + 2 + CALIBRATION_BINS)
    places = (np.tile(np.arange(rows), len(where)), np.concatenate(where))
    return coo_array((np.concatenate(what), places), shape=shape).tocsr()


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores of sums [..., 3C + 2 + 15]: [...], or [..., C] for those of a class."""
    classes = len(facts["classes"])
    hits, predicted, support = (sums[..., part * classes : (part + 1) * classes] for part in range(3))
    rows = sums[..., 3 * classes]
    each = per_class.scores(hits, predicted, support)
    return {
        "accuracy": hits.sum(axis=-1) / rows,
        **{f"macro_{name}": per_class.mean(each[name]) for name in ("precision", "recall", "f1")},
        "log_loss": sums[..., 3 * classes + 1] / rows,
        "expected_calibration_error": np.abs(sums[..., 3 * classes + 2 :]).sum(axis=-1) / rows,
        **each,
    }


def resampled(outputs: Outputs, target: np.ndarray, facts: Facts, index: np.ndarray) -> Draws:
    """Return what gives the ROC area, which is no function of sums; `index` int64 [N] is the group of each row."""
    orders = _score_orders(target, probabilities(outputs), index)
    return lambda counts: {"roc_auc": per_class.mean(np.stack([_roc_area(counts, *order) for order in orders], axis=1))}


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the scores of each class, and how often the ROC area is undefined, as plain data."""
    undefined = {"roc_auc": found.times("roc_auc", np.nan)}
    return {"per_class": per_class.details(found, facts["classes"]), "undefined_resamples": undefined}


def said(outputs: Outputs) -> np.ndarray:
    """Return the class that is answered, int64 [N], -1 where there is no answer."""
    chances, answered = _answered(probabilities(outputs))
    return np.where(answered, chances.argmax(axis=1), -1)


def right(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows are answered right, bool [N]."""
    return np.asarray(said(outputs) == target)


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models give the same answer, bool [N]; no answer agrees with none."""
    return np.asarray((said(ours) == said(theirs)) & (said(ours) >= 0))


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the probabilities [N, C]."""
    return probabilities(outputs)


def joined(facts: Sequence[Facts], values: Sequence[str]) -> Facts:
    """Return facts that several models and the values of a target have in common: all of their classes."""
    return {"classes": sorted({*values, *(name for each in facts for name in each["classes"])})}


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs over the classes of `joint`; one that it does not know has probability 0."""
    chances = probabilities(outputs)
    wide = np.zeros((len(chances), len(joint["classes"])))
    wide[:, [joint["classes"].index(name) for name in facts["classes"]]] = chances
    wide[np.isnan(chances).any(axis=1)] = np.nan
    return {"probabilities": wide}


def calibration_bins(labels: np.ndarray, chances: np.ndarray) -> dict[str, np.ndarray]:
    """The bins behind the calibration error, each [15]: "count", and mean "confidence" and "accuracy" (NaN if
    empty).
    """
    confidence = chances.max(axis=1)
    bins = _confidence_bin(confidence)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    some = np.where(count, count, np.nan)
    return {
        "count": count,
        "confidence": np.bincount(bins, confidence, CALIBRATION_BINS) / some,
        "accuracy": np.bincount(bins, chances.argmax(axis=1) == labels, CALIBRATION_BINS) / some,
    }


def _checked(target: np.ndarray, chances: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities, 0 in rows without an answer, and which rows have one."""
    if chances.ndim != 2 or target.shape != chances.shape[:1]:
        raise ValueError(f"labels {target.shape} and probabilities {chances.shape} are not [N] and [N, C]")
    if chances.shape[1] != len(classes) or len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError(f"{chances.shape[1]} columns need as many distinct class names, at least 2")
    if len(target) and not 0 <= target.min() <= target.max() < len(classes):
        raise ValueError(f"labels run from {target.min()} to {target.max()}, classes from 0 to {len(classes) - 1}")
    chances, answered = _answered(chances)
    if not (chances >= 0).all() or np.abs(chances.sum(axis=1) - answered).max(initial=0) > 1e-4:
        raise ValueError("probabilities are negative or do not sum to 1 in every row")
    return chances, answered


def _answered(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    answered = ~np.isnan(chances).any(axis=1)
    return (chances if answered.all() else np.where(answered[:, None], chances, 0)), answered


def _confidence_bin(confidence: np.ndarray) -> np.ndarray:
    upper = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64)
    return np.asarray(np.clip(upper, 1, CALIBRATION_BINS) - 1)


def _score_orders(labels: np.ndarray, chances: np.ndarray, index: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """For each ROC area: the group of each row in ascending order of score, and per positive row (in that
    order) its group and the bounds of its block of equal scores.
    """
    classes = chances.shape[1]
    orders: list[tuple[np.ndarray, ...]] = []
    for positive in [1] if classes == 2 else range(classes):
        order = np.argsort(chances[:, positive], kind="stable")
        ranked = chances[order, positive]
        positives = order[labels[order] == positive]
        its_scores = chances[positives, positive]
        start = np.searchsorted(ranked, its_scores, side="left")
        end = np.searchsorted(ranked, its_scores, side="right")
        orders.append((index[order], index[positives], start, end))
    return orders


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
