"""From which probability on each of several labels is given, chosen on rows that no training saw."""

import numpy as np


def fit(probabilities: np.ndarray, target: np.ndarray) -> list[float]:
    """Return, for each class of [N, C], the threshold with the highest F1 on these rows; `target` holds 0 and 1.

    It lies halfway between two probabilities that occur, the highest of those that tie; at least one row is given the
    class. One half for a class that no row has.
    """
    return [_best(probabilities[:, place], target[:, place] > 0.5) for place in range(probabilities.shape[1])]


def _best(chances: np.ndarray, true: np.ndarray) -> float:
    if not true.any():
        return 0.5
    order = np.argsort(-chances, kind="stable")
    ranked, hits = chances[order], np.cumsum(true[order])
    last = np.append(ranked[1:] < ranked[:-1], True)  # a threshold does not part rows that tie
    f1 = np.where(last, 2 * hits / (np.arange(1, len(ranked) + 1) + true.sum()), -1)
    place = int(f1.argmax())
    lowest, below = ranked[place], ranked[place + 1] if place + 1 < len(ranked) else 0.0
    middle = (lowest + below) / 2
    return float(middle if middle > below else lowest)  # of neighbouring floats the middle is one of them
