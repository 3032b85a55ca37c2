"""Two models on the same rows: is the difference more than chance?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import group_index, percentile_interval, resample_counts


def paired_comparison(
    labels: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Compare the predicted classes int [N] of a challenger and a champion with `labels` int [N].

    "difference" is accuracy of challenger minus champion with its 95% interval from a paired cluster
    bootstrap: both models are scored on the same resampled groups. "mcnemar_p" is the exact two-sided p of
    McNemar 1947 on the rows where just one of them is right; it takes rows for independent, so with large
    groups the interval is the one to trust. Plain data: {"challenger_accuracy", "champion_accuracy",
    "difference": {"value", "low", "high"}, "only_challenger_right", "only_champion_right", "mcnemar_p",
    "rows", "groups", "resamples"}. Raises ValueError on arrays that do not fit.
    """
    from scipy.stats import binomtest

    if not (labels.ndim == 1 and labels.shape == challenger.shape == champion.shape) or not len(labels):
        raise ValueError(f"labels {labels.shape}, {challenger.shape} and {champion.shape} are not all [N], N > 0")
    if resamples < 1:
        raise ValueError("an interval needs at least 1 resample")
    rows = len(labels)
    index, group_count = group_index(groups, rows)
    ours, theirs = challenger == labels, champion == labels
    gain = np.bincount(index, ours.astype(np.float64) - theirs, group_count)
    size = np.bincount(index, minlength=group_count).astype(np.float64)
    drawn = [(gain @ counts) / (size @ counts) for counts in resample_counts(group_count, rows, resamples, seed)]
    low, high = percentile_interval(np.concatenate(drawn))
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    discordant = only_ours + only_theirs
    return {
        "challenger_accuracy": round(float(ours.mean()), 6),
        "champion_accuracy": round(float(theirs.mean()), 6),
        "difference": {
            "value": round(float(gain.sum() / rows), 6),
            "low": round(float(low), 6),
            "high": round(float(high), 6),
        },
        "only_challenger_right": only_ours,
        "only_champion_right": only_theirs,
        "mcnemar_p": float(binomtest(only_ours, discordant, 0.5).pvalue) if discordant else 1.0,
        "rows": rows,
        "groups": group_count,
        "resamples": resamples,
    }
