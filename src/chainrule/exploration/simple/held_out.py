"""What a model says of rows that it was not fitted to, fold by fold."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.selection import Fold, threads

SHARPNESSES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)


def said(
    make: Callable[[], Any], inputs: Any, target: np.ndarray, folds: Sequence[Fold], classes: int | None = None
) -> np.ndarray:
    """Return what models say of the rows held out, NaN for a row that no fold holds out.

    make: an unfitted model of scikit-learn; target: [N], or [N, C]. With `classes`, target is int in 0..classes-1 and
    the answer the probabilities float64 [N, classes], 0 for a class that the kept rows lack; without it is what
    `predict` gives, of the shape of the target.
    """
    found = np.full(target.shape if classes is None else (len(target), classes), np.nan)
    with threads(inputs):
        for kept, held in folds:
            model = make().fit(inputs[kept], target[kept])
            if classes is None:
                found[held] = model.predict(inputs[held])
            else:
                chances = np.zeros((int(held.sum()), classes))
                chances[:, model.classes_] = model.predict_proba(inputs[held])
                found[held] = chances
    return found


def chances(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return scores [N, C] of classes as probabilities: exp(s * score), normalised, with the likeliest s.

    target: int [N]; a row of NaN stays one.
    """
    known = ~np.isnan(scores).any(axis=1)

    def at(sharpness: float) -> np.ndarray:
        powers = np.exp(sharpness * (scores - scores.max(axis=1, keepdims=True)))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def surprise(sharpness: float) -> float:
        given = at(sharpness)[known, target[known]]
        return float(-np.log(np.maximum(given, 1e-12)).sum())

    return at(min(SHARPNESSES, key=surprise))
