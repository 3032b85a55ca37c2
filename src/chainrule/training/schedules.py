"""The course of the learning rate, as a pure function of the update and of what was measured: nothing to restore."""

import math
from collections.abc import Iterable

PLATEAU_EPOCHS = 2
PLATEAU_FACTOR = 0.2


def factor(schedule: str, update: int, updates: int, warm_up: float, losses: Iterable[float] = ()) -> float:
    """Return the share (0..1) of the peak learning rate at an update (0-based) out of `updates`.

    constant: linear up over the warm-up, then level; linear: the same up, then linear down to 0 (BERT); cosine: the
    same up, then cosine down to 0 (Loshchilov & Hutter 2017, arXiv:1608.03983); one_cycle: cosine up from 1/25 over the
    warm-up, cosine down to almost nothing (Smith & Topin 2018, arXiv:1708.07120); plateau: the same up, then a fifth as
    much whenever two epochs in a row brought no better validation loss. losses: those of the epochs so far.
    """
    rising = warm_up * updates
    if update < rising:
        if schedule == "one_cycle":
            return _cosine(1 / 25, 1.0, update / rising)
        return min((update + 1) / max(rising, 1), 1.0)  # not from 0: an update at rate 0 would be wasted
    progress = (update - rising) / max(updates - rising, 1)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "cosine":
            return _cosine(1.0, 0.0, progress)
        case "one_cycle":
            return _cosine(1.0, 1e-4 / 25, progress)
        case "plateau":
            return _plateau(losses)
    raise ValueError(f"no schedule is called {schedule!r}")


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _plateau(losses: Iterable[float]) -> float:
    share, best, waited = 1.0, math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == PLATEAU_EPOCHS:
            share, waited = share * PLATEAU_FACTOR, 0
    return share
