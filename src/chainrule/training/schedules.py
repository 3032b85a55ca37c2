"""The course of the learning rate, as a pure function of the update: nothing to save, nothing to restore."""

import math


def factor(schedule: str, update: int, updates: int, warm_up: float) -> float:
    """Return the share (0..1) of the peak learning rate at an update (0-based) out of `updates`.

    one_cycle: cosine up from 1/25 over the warm-up, cosine down to almost nothing (Smith & Topin 2018,
    arXiv:1708.07120); warmup_linear: linear up, linear down to 0 (BERT); warmup_cosine: linear up, cosine down to 0
    (Loshchilov & Hutter 2017, arXiv:1608.03983); constant: linear up, then level.
    """
    rising = warm_up * updates
    if update < rising:
        if schedule == "one_cycle":
            return _cosine(1 / 25, 1.0, update / rising)
        return min((update + 1) / max(rising, 1), 1.0)  # not from 0: an update at rate 0 would be wasted
    progress = (update - rising) / max(updates - rising, 1)
    if schedule == "one_cycle":
        return _cosine(1.0, 1e-4 / 25, progress)
    if schedule == "warmup_cosine":
        return _cosine(1.0, 0.0, progress)
    return 1.0 - progress if schedule == "warmup_linear" else 1.0


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
