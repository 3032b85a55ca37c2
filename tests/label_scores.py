"""Scores of one label per row, as `evaluate` makes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import intervals
from chainrule.evaluation.scores import label


def classification_scores(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], **options: Any
) -> dict[str, Any]:
    return intervals.scores(label, {"probabilities": probabilities}, labels, {"classes": list(classes)}, **options)
