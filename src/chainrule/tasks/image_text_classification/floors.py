"""Floors of classification of images with texts: those of one label, of each input by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs


def floors(
    kind: Any,
    train: Sequence[Any],
    target: np.ndarray,
    test: Sequence[Any],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name the probabilities float64 [N_test, classes] of each floor, as `evaluation.floors.label` does."""
    found: dict[str, Outputs] = kind.floors(train, target, test, facts, seed, groups, progress)
    return found
