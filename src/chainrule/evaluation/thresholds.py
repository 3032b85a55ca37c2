"""From which probability on each of several labels is given, chosen on rows that no training saw."""

import numpy as np

ROUNDING = 1e-5
"""A model and its graph differ by a far smaller share of a probability; two rows of a barely trained model may, too."""


def fit(probabilities: np.ndarray, target: np.ndarray) -> list[float]:
    """Return, for each class of [N, C], the threshold with the highest F1 on these rows; `target` holds 0 and 1.

    It lies halfway between two probabilities that occur, more than that share of them apart, so that a model and its
    graph give these rows the same; the highest of those that tie; at least one row is given the class. One half for a
    class that no row has.
    """
    return [_best(probabilities[:, place], target[:, place] > 0.5) for place in range(probabilities.shape[1])]


def _best(chances: np.ndarray, true: np.ndarray) -> float:
    if not true.any():
        return 0.5
    order = np.argsort(-chances, kind="stable")
    ranked, hits = chances[order], np.cumsum(true[order])
    last = np.append(ranked[:-1] - ranked[1:] > ROUNDING * ranked[:-1], True)  # a threshold does not part rows that tie
    f1 = np.where(last, 2 * hits / (np.arange(1, len(ranked) + 1) + true.sum()), -1)
    place = int(f1.argmax())
    below = ranked[place + 1] if place + 1 < len(ranked) else 0.0
    return float((ranked[place] + below) / 2)
