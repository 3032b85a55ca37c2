"""Two models on the same rows: is the difference more than chance?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.intervals import measured, rounded
from chainrule.evaluation.primary import Facts, Measure, Metrics, Outputs, gain, plain


def paired_comparison(
    measure: Measure,
    challenger: Outputs,
    champion: Outputs,
    target: np.ndarray,
    facts: Facts,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Compare the outputs of a challenger and a champion for the same N rows by the PRIMARY of their task.

    "difference" is by how much the challenger is better, in PRIMARY's unit, more being better whichever way PRIMARY
    points; its 95% interval is from a paired cluster bootstrap: both models are scored on the same resampled groups.
    Plain data: {"primary": {"name", "more_is_better", "unit"}, "challenger", "champion", "difference": {"value",
    "low", "high"}, "rows", "groups", "resamples"}. Where rows are right or wrong also "only_challenger_right",
    "only_champion_right" and "mcnemar_p", the exact two-sided p of McNemar 1947 on the rows where just one of them is
    right; it takes rows for independent, so with large groups the interval is the one to trust. Raises ValueError on
    arrays that do not fit.
    """
    primary = measure.PRIMARY
    ours, theirs = (measure.statistics(outputs, target, facts) for outputs in (challenger, champion))
    width = ours.shape[1]

    def compared(sums: np.ndarray) -> Metrics:
        one, other = (measure.metrics(part, facts)[primary.name] for part in (sums[..., :width], sums[..., width:]))
        return {"challenger": one, "champion": other, "difference": gain(primary, one, other)}

    found = measured(_beside(ours, theirs), compared, groups=groups, resamples=resamples, seed=seed)
    right = getattr(measure, "right", None)
    return {
        "primary": plain(primary),
        "challenger": rounded(found.value["challenger"]),
        "champion": rounded(found.value["champion"]),
        "difference": found.entry("difference"),
        **(_mcnemar(*(right(outputs, target, facts) for outputs in (challenger, champion))) if right else {}),
        "rows": len(target),
        "groups": found.groups,
        "resamples": resamples,
    }


def _beside(ours: Any, theirs: Any) -> Any:
    """Return [N, 2S] of two [N, S], sparse where they are."""
    from scipy.sparse import hstack, issparse

    return hstack([ours, theirs], format="csr") if issparse(ours) else np.hstack([ours, theirs])


def _mcnemar(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    from scipy.stats import binomtest

    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    discordant = only_ours + only_theirs
    return {
        "only_challenger_right": only_ours,
        "only_champion_right": only_theirs,
        "mcnemar_p": float(binomtest(only_ours, discordant, 0.5).pvalue) if discordant else 1.0,
    }
