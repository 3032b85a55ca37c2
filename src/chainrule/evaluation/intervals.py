"""Every metric of any task with its 95% interval: the sums of rows are resampled by group, the metrics follow."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation.bootstrap import Progress, group_index, percentile_interval, resample_counts, unseen
from chainrule.evaluation.primary import Draws, Facts, Measure, Metrics, Outputs

Entry = dict[str, float | None]


class Measured(NamedTuple):
    """Metrics of rows, by name: `value` [...] of the rows themselves, `drawn` [resamples, ...] of every resample."""

    value: Metrics
    drawn: Metrics
    groups: int

    def entry(self, name: str, place: int | None = None) -> Entry:
        """Return value, low and high of a metric, or of one class of it, as plain data rounded to 6 decimals."""
        found = np.asarray(self.value[name] if place is None else self.value[name][place])
        low, high = percentile_interval(self._drawn(name, place))
        return {"value": rounded(found), "low": rounded(low), "high": rounded(high)}

    def times(self, name: str, number: float, place: int | None = None) -> int:
        """Return in how many resamples a metric, or one class of it, is this number."""
        drawn = self._drawn(name, place)
        return int((np.isnan(drawn) if np.isnan(number) else drawn == number).sum())

    def _drawn(self, name: str, place: int | None) -> np.ndarray:
        return self.drawn[name] if place is None else self.drawn[name][:, place]


def measured(
    statistics: Any,
    metrics: Callable[[np.ndarray], Metrics],
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
    resampled: Callable[[np.ndarray], Draws] | None = None,
    progress: Progress = unseen,
) -> Measured:
    """Measure rows and their resamples.

    statistics: float64 [N, S], an array or a sparse one; metrics: of sums [..., S]; groups: [N], drawn whole, or None
    to draw rows; resampled: from the group of each row, int64 [N], to what gives the metrics that are no function of
    sums. Raises ValueError without rows or resamples, or when the groups are not as many as the rows.
    """
    rows = statistics.shape[0]
    if not rows or resamples < 1:
        raise ValueError(f"an interval needs rows and at least 1 resample, not {rows} and {resamples}")
    index, group_count = group_index(groups, rows)
    sums = group_sums(statistics, index, group_count)
    others = resampled(index) if resampled is not None else None

    def at(counts: np.ndarray) -> Metrics:
        return metrics((sums @ counts).T) | (others(counts) if others is not None else {})

    blocks = [at(counts) for counts in resample_counts(group_count, rows, resamples, seed, progress)]
    return Measured(
        {name: found[0] for name, found in at(np.ones((group_count, 1))).items()},
        {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]},
        group_count,
    )


def group_sums(statistics: Any, index: np.ndarray, group_count: int) -> Any:
    """Return the sums [S, G] of each group's rows: a resample is then a product, whatever the number of rows."""
    from scipy.sparse import coo_array

    rows = len(index)
    members = coo_array((np.ones(rows), (index, np.arange(rows))), shape=(group_count, rows)).tocsr()
    sums = (members @ statistics).T
    return sums if isinstance(sums, np.ndarray) else sums.tocsr()


def scores(
    measure: Measure,
    outputs: Outputs,
    target: np.ndarray,
    facts: Facts,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
    progress: Progress = unseen,
) -> dict[str, Any]:
    """Return every metric that a task shows, with its interval, as plain data.

    {score: {"value", "low", "high"}, "rows", "groups", "resamples"} and the task's details; numbers are rounded to 6
    decimals, None where undefined. `groups` [N] are resampled whole; None resamples rows. Raises ValueError when the
    arrays do not fit together.
    """
    resampled = getattr(measure, "resampled", None)
    found = measured(
        measure.statistics(outputs, target, facts),
        lambda sums: measure.metrics(sums, facts),
        groups=groups,
        resamples=resamples,
        seed=seed,
        resampled=resampled and (lambda index: resampled(outputs, target, facts, index)),
        progress=progress,
    )
    details = getattr(measure, "details", None)
    return {
        **{score.name: found.entry(score.name) for score in measure.SCORES},
        **(details(found, facts) if details else {}),
        "rows": len(target),
        "groups": found.groups,
        "resamples": resamples,
    }


def rounded(number: np.ndarray) -> float | None:
    """Return a number to 6 decimals, None for NaN."""
    return None if np.isnan(number) else round(float(number), 6)
