"""LIME: a straight line through what is said of rows near this one.

Ribeiro et al. 2016, https://arxiv.org/abs/1602.04938: parts are hidden at random, rows that keep more of the row count
more (by the cosine distance, in a kernel of width 0.25), and a linear model of which parts are there is fitted. The
authors' library adds a ridge of 1, which draws all weights towards 0 (Garreau and von Luxburg 2020,
https://arxiv.org/abs/2001.03447); here it only keeps the equations solvable.
"""

import numpy as np

TITLE = "LIME"
WIDTH = 0.25
_RIDGE = 1e-6
_FEWEST = 4  # runs for each part


def most(runs: int) -> int:
    """Return how many parts may be told apart in so many runs."""
    return max(1, runs // _FEWEST)


def masks(parts: int, runs: int, seed: int) -> np.ndarray:
    """Return which parts stay in each run, bool [runs, parts]; how many are hidden is drawn evenly."""
    rng = np.random.default_rng(seed)
    kept = rng.integers(0, parts, size=runs)
    ranks = rng.random((runs, parts)).argsort(axis=1).argsort(axis=1)
    found: np.ndarray = ranks < kept[:, None]
    return found


def weights(masks: np.ndarray, values: np.ndarray, whole: float, none: float) -> np.ndarray:
    """Return the weight of each part, float64 [parts], of the values [M] of these runs; the row itself is one more."""
    kept = np.concatenate([np.ones((1, masks.shape[1])), masks])
    wanted = np.append(whole, np.asarray(values, np.float64))
    distance = 1 - np.sqrt(kept.mean(axis=1))
    counts = np.exp(-((distance / WIDTH) ** 2) / 2)
    share = counts / counts.sum()
    centred, said = kept - share @ kept, wanted - share @ wanted
    product = (centred * share[:, None]).T @ centred
    found: np.ndarray = np.linalg.solve(product + _RIDGE * np.eye(len(product)), (centred * share[:, None]).T @ said)
    return found
