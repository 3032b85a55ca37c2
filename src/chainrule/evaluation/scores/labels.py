"""Scores of a set of labels per row: a yes or no for each class.

A model's outputs are `logits` [N, C], whose sigmoids are probabilities, or `probabilities` [N, C]. A class is chosen
where its probability reaches its threshold, which validation rows have told (`thresholds.fit`) and `facts` holds; one
half without. `chosen` bool [N, C] among the outputs says it at once.

Definitions:

- macro_f1, macro_precision, macro_recall: unweighted means over the classes. Macro F1 is PRIMARY: a label of one row
  in a hundred counts as much as one of every second row. The micro mean hardly moves when a model never gives a rare
  label, and an accuracy over all cells is high for a model that gives none.
- micro_f1: F1 of all (row, class) cells taken together.
- mean_average_precision: mean over the classes of the area under precision and recall, without interpolation; rows of
  equal probability are taken together.
- exact_match: share of rows whose set is wholly right.
- log_loss: mean over the cells, in nats; probabilities are held 2.2e-16 away from 0 and 1.

A class without a row that has it is left out of the macro means and of its own intervals, as in `scores.label`. A row
without an answer (a NaN) is given no label: all of its probabilities are 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import per_class
from chainrule.evaluation.primary import NATS, SHARE, Draws, Facts, Found, Metrics, Outputs, Primary, Score

PRIMARY = Primary("macro_f1", more_is_better=True, unit=SHARE)
SCORES = (
    Score("macro_f1", "Macro F1", more_is_better=True),
    Score("micro_f1", "Micro F1", more_is_better=True),
    Score("macro_precision", "Macro precision", more_is_better=True),
    Score("macro_recall", "Macro recall", more_is_better=True),
    Score("mean_average_precision", "Mean average precision", more_is_better=True),
    Score("exact_match", "Exact match", more_is_better=True),
    Score("log_loss", "Log-loss (nats)", more_is_better=False, unit=NATS),
)
HEADLINE = ("micro_f1", "mean_average_precision")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "From which probability on a label is given, the validation split has told."
_SMALLEST = float(np.finfo(np.float64).eps)


def probabilities(outputs: Outputs) -> np.ndarray:
    """Return float64 [N, C], by sigmoid of the logits where no probabilities are among the outputs."""
    if "probabilities" in outputs:
        return np.asarray(outputs["probabilities"], dtype=np.float64)
    logits = np.asarray(outputs["logits"], dtype=np.float64)
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1, small) / (1 + small))


def chosen(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return which classes are given to each row, bool [N, C]; none where there is no answer."""
    chances, answered = _answered(probabilities(outputs))
    if "chosen" in outputs:
        return np.asarray(outputs["chosen"].astype(bool) & answered[:, None])
    thresholds = np.asarray(facts.get("thresholds", 0.5), dtype=np.float64)
    return np.asarray((chances >= thresholds) & answered[:, None])


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 3C + 3], what each row adds; `target` [N, C] of 0 and 1.

    In order: classes rightly given, given, and true; rows; wholly right rows; log-loss, mean over the classes. Raises
    ValueError when the arrays do not fit together.
    """
    chances, _ = _answered(probabilities(outputs))
    true = np.asarray(target) > 0.5
    if chances.ndim != 2 or true.shape != chances.shape or chances.shape[1] != len(facts["classes"]):
        raise ValueError(
            f"labels {true.shape}, probabilities {chances.shape} and {len(facts['classes'])} classes do not fit"
        )
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("probabilities are not between 0 and 1")
    given = chosen(outputs, facts)
    likelihood = np.clip(np.where(true, chances, 1 - chances), _SMALLEST, 1)
    whole = [np.ones(len(true)), (given == true).all(axis=1), -np.log(likelihood).mean(axis=1)]
    return np.column_stack([given & true, given, true, *whole]).astype(np.float64)


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores of sums [..., 3C + 3]: [...], or [..., C] for those of a class."""
    classes = len(facts["classes"])
    hits, given, true = (sums[..., part * classes : (part + 1) * classes] for part in range(3))
    rows = sums[..., 3 * classes]
    each = per_class.scores(hits, given, true)
    cells = (given + true).sum(axis=-1)
    return {
        **{f"macro_{name}": per_class.mean(each[name]) for name in ("precision", "recall", "f1")},
        "micro_f1": np.where(cells > 0, 2 * hits.sum(axis=-1) / np.maximum(cells, 1), np.nan),
        "exact_match": sums[..., 3 * classes + 1] / rows,
        "log_loss": sums[..., 3 * classes + 2] / rows,
        **each,
    }


def resampled(outputs: Outputs, target: np.ndarray, facts: Facts, index: np.ndarray) -> Draws:
    """Return what gives the mean average precision, no function of sums; `index` int64 [N] is the group of each row."""
    chances, _ = _answered(probabilities(outputs))
    orders = [_order(chances[:, place], np.asarray(target)[:, place] > 0.5, index) for place in range(chances.shape[1])]

    def average_precision(counts: np.ndarray) -> Metrics:
        each = np.stack([_average_precision(counts, *order) for order in orders], axis=1)
        return {"mean_average_precision": per_class.mean(each), "average_precision": each}

    return average_precision


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the scores of each class as plain data."""
    classes = per_class.details(found, facts["classes"])
    for place, scores in enumerate(classes.values()):
        scores["average_precision"] = found.entry("average_precision", place)
    return {"per_class": classes}


def right(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows have just their labels, bool [N]."""
    answered = _answered(probabilities(outputs))[1]
    return np.asarray(answered & (chosen(outputs, facts) == (np.asarray(target) > 0.5)).all(axis=1))


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models give the same labels, bool [N]; no answer agrees with none."""
    answered = _answered(probabilities(ours))[1] & _answered(probabilities(theirs))[1]
    return np.asarray(answered & (chosen(ours, facts) == chosen(theirs, facts)).all(axis=1))


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the probabilities [N, C]."""
    return probabilities(outputs)


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return facts that several models and rows with these names have in common: all of the classes."""
    return {"classes": sorted({*names, *(name for each in facts for name in each["classes"])})}


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Mapping[str, np.ndarray]:
    """Return a model's outputs over the classes of `joint`, by its own thresholds; others it never gives."""
    places = [joint["classes"].index(name) for name in facts["classes"]]
    found = {"probabilities": probabilities(outputs), "chosen": chosen(outputs, facts)}
    wide = {name: np.zeros((len(array), len(joint["classes"])), array.dtype) for name, array in found.items()}
    for name, array in found.items():
        wide[name][:, places] = array
    return wide


def _answered(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities, 0 in rows without an answer, and which rows have one."""
    answered = ~np.isnan(chances).any(axis=-1)
    return np.where(answered[..., None], chances, 0), answered


def _order(chances: np.ndarray, true: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, from the likeliest row on, each row's group, and of each true row its place and the end of its tie."""
    order = np.argsort(-chances, kind="stable")
    ranked = -chances[order]
    places = np.flatnonzero(true[order])
    return index[order], places, np.searchsorted(ranked, ranked[places], side="right")


def _average_precision(counts: np.ndarray, ranked: np.ndarray, places: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the mean precision at the true rows, each taken with all rows that tie with it; NaN without a true row."""
    weights = counts[ranked[places]]
    above, true_above = _running(counts[ranked])[end], _running(weights)[np.searchsorted(places, end, side="left")]
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(weights > 0, true_above / above, 0)
        return np.where(total > 0, (weights * precision).sum(axis=0) / total, np.nan)


def _running(values: np.ndarray) -> np.ndarray:
    """Return sums of the first 0, 1, … N of [N, b]."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums
