"""How stars are scored: right where the nearest whole number of stars is the true one."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from chainrule.evaluation.primary import SHARE, Facts, Metrics, Outputs, Primary, Score

PRIMARY = Primary("hit_rate", more_is_better=True, unit=SHARE)
SCORES = (
    Score("hit_rate", "Hit rate", more_is_better=True),
    Score("mean_absolute_error", "Mean absolute error", more_is_better=False, unit="in stars"),
)
HEADLINE = ("mean_absolute_error",)
CALIBRATED = "Answers are as the model gives them."


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 3], what each row adds: rows, right ones, absolute error; no answer is 0 stars."""
    value = np.nan_to_num(np.asarray(outputs["value"], np.float64))
    return np.column_stack([np.ones(len(value)), np.rint(value) == target, np.abs(value - target)])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 3]."""
    rows, hits, error = np.moveaxis(np.asarray(sums), -1, 0)
    return {"hit_rate": hits / rows, "mean_absolute_error": error / rows}


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models give nearly the same answer, bool [N]."""
    return np.asarray(np.abs(ours["value"] - theirs["value"]) < 0.01)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one, [N, 1]."""
    return np.asarray(outputs["value"][:, None])


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are."""
    return outputs


measure = SimpleNamespace(
    PRIMARY=PRIMARY,
    SCORES=SCORES,
    HEADLINE=HEADLINE,
    CALIBRATED=CALIBRATED,
    statistics=statistics,
    metrics=metrics,
    agree=agree,
    comparable=comparable,
    joined=joined,
    aligned=aligned,
)
