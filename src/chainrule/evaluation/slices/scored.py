"""The metric that decides, of a slice beside the rest of the rows, with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.intervals import Entry, measured
from chainrule.evaluation.primary import Facts, Measure, Metrics, Outputs, gain


def beside_rest(
    measure: Measure,
    outputs: Outputs,
    target: np.ndarray,
    facts: Facts,
    inside: np.ndarray,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, Entry]:
    """Return PRIMARY of the rows `inside` bool [N] ("slice") and of the others ("rest"), and the "difference".

    The difference is by how much the slice is better, below 0 if it is worse, whichever way PRIMARY points; the groups
    are resampled whole.
    """
    from scipy.sparse import csr_array, hstack

    primary = measure.PRIMARY
    every = csr_array(measure.statistics(outputs, target, facts))
    width = every.shape[1]
    parts = [every.multiply(part.astype(np.float64)[:, None]) for part in (inside, ~inside)]

    def compared(sums: np.ndarray) -> Metrics:
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold no row of the slice
            one, other = (measure.metrics(part, facts)[primary.name] for part in (sums[..., :width], sums[..., width:]))
        return {"slice": one, "rest": other, "difference": gain(primary, one, other)}

    found = measured(hstack(parts, format="csr"), compared, groups=groups, resamples=resamples, seed=seed)
    return {name: found.entry(name) for name in ("slice", "rest", "difference")}
