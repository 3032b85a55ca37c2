"""Whether a graph answers a row by that row alone: whatever else is in its batch, however it is padded."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.serving.padding import filled, together

Arrays = Mapping[str, np.ndarray]

SAME = 1e-4
"""Probabilities of one row, alone and among others, differ by float rounding only: observed is 1e-6."""


def largest_difference(
    run: Callable[[dict[str, np.ndarray]], np.ndarray], rows: Sequence[Arrays], padding: Mapping[str, float]
) -> float:
    """Return the largest difference between a row's probabilities alone and in a batch of strangers; NaN counts as one.

    run: probabilities [B, labels] of inputs by name; rows: inputs of one row each (first axis 1), in order of length;
    padding: what fills the varying axes of an input. Every row is asked alone, among all the others at two places, and
    first and last beside the longest of them.
    """
    *others, last = range(len(rows))
    batches = [[*others, last], [last, *reversed(others)]]
    batches += [pair for place in others for pair in ([place, last], [last, place])]
    alone = filled([run(dict(row)) for row in rows])

    def difference(batch: list[int]) -> np.ndarray:
        found = run(together([rows[place] for place in batch], padding))
        beside = filled([found, np.empty((0, *alone.shape[1:]))])
        return np.asarray(np.abs(beside - alone[batch]))

    differences = [difference(batch) for batch in batches]
    return float(np.max([difference.max() for difference in differences]))  # max() would pass over a NaN
