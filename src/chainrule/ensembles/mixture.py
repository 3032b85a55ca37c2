"""What the members of a mean of probabilities weigh, and constants of the graph that computes it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

STEPS, ENOUGH = 2000, 1e-9


def weights(told: np.ndarray) -> np.ndarray:
    """Return the weights [K], none negative, of sum 1, under which the mean of probabilities has the least log-loss.

    told: the probability [N, K] of each member for what was true. The loss is convex in the weights, and each step of
    expectation maximisation lowers it (Smyth and Wolpert 1999, doi:10.1023/A:1007511322260: stacked density
    estimation).
    """
    told = np.maximum(told, 1e-300)
    found = np.full(told.shape[1], 1 / told.shape[1])
    for _ in range(STEPS):
        shares = told * found
        fresh = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(fresh - found).max() < ENOUGH:
            break
        found = fresh
    return found


def constant(name: str, value: object) -> "onnx.NodeProto":
    """Return a node that gives a value; a float is one of 32 bits."""
    from onnx import helper, numpy_helper

    array = np.array(value, np.float32) if isinstance(value, float) else np.asarray(value)
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))
