"""Scores of a number per row, from a model's outputs `value`, `low` and `high` [N], in the unit of the target.

- mean_absolute_error: PRIMARY. It is in the unit of the target, so a margin says what a user means by it, and one row
  that is far off does not decide it alone.
- root_mean_squared_error, mean_squared_error: of the same errors, squared.
- r2: the share of the target's variance that the model explains, 0 for the mean of these rows; None where they are all
  the same.
- coverage: the share of rows whose number is from low to high; None for a model that gives no interval.

A row without an answer (a NaN) counts as if the mean of the training rows had been answered.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.primary import Facts, Metrics, Outputs, Primary, Score

UNIT = "in the target's unit"
PRIMARY = Primary("mean_absolute_error", more_is_better=False, unit=UNIT)
SCORES = (
    Score("mean_absolute_error", "Mean absolute error", more_is_better=False, unit=UNIT),
    Score("root_mean_squared_error", "Root mean squared error", more_is_better=False, unit=UNIT),
    Score("mean_squared_error", "Mean squared error", more_is_better=False, unit="in its square"),
    Score("r2", "R²", more_is_better=True),
    Score("coverage", "Within the interval of 90%", more_is_better=True),
)
HEADLINE = ("root_mean_squared_error", "r2")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "How wide an interval is that holds 90% of the numbers, the validation split has told."
SAME = 0.01
"""Answers agree that differ by at most this share of the standard deviation of the training targets."""


def answers(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return float64 [N], the mean of the training rows where there is no answer."""
    value = np.asarray(outputs["value"], dtype=np.float64)
    return np.where(np.isnan(value), facts["mean"], value)


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 7], what each row adds; `target` [N].

    In order: rows, absolute error, squared error, the target less the training mean, plain and squared, intervals, and
    those that hold the target. Raises ValueError when the arrays do not fit together.
    """
    found, true = answers(outputs, facts), np.asarray(target, dtype=np.float64)
    if found.ndim != 1 or found.shape != true.shape:
        raise ValueError(f"targets {true.shape} and answers {found.shape} are not both [N]")
    error, apart = found - true, true - facts["mean"]
    low, high = (np.asarray(outputs.get(end, np.full(len(true), np.nan))) for end in ("low", "high"))
    given, held = ~np.isnan(low), (low <= true) & (true <= high)
    return np.column_stack([np.ones(len(true)), np.abs(error), error**2, apart, apart**2, given, held])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 7]."""
    rows, absolute, squared, apart, apart_squared, given, held = np.moveaxis(np.asarray(sums), -1, 0)
    spread = apart_squared - apart**2 / rows
    some = spread > 1e-12 * apart_squared  # rounding leaves a little where all targets are the same
    return {
        "mean_absolute_error": absolute / rows,
        "root_mean_squared_error": np.sqrt(squared / rows),
        "mean_squared_error": squared / rows,
        "r2": np.where(some, 1 - squared / np.where(some, spread, 1), np.nan),
        "coverage": np.where(given > 0, held / np.maximum(given, 1), np.nan),
    }


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models answer alike, bool [N]; no answer agrees with none."""
    return np.asarray(np.abs(comparable(ours, facts) - comparable(theirs, facts))[:, 0] <= SAME)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the answers [N, 1] in standard deviations of the target."""
    return np.asarray(outputs["value"][:, None] / np.float64(facts["std"]))


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are: a number means the same to all."""
    return outputs
