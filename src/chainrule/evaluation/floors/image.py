"""Floor for images: what a linear model sees in the pixels, and what guessing the commonest class gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.selection import best, folds

# From the most cautious: a tie goes to the first.
INVERSE_PENALTIES = (1e-3, 1e-2, 1e-1)
# With more rows than this, one fold held out says enough about the strength.
FEW_ROWS = 10_000
# Larger images are averaged down: a linear model gains nothing from more, and takes the time of a network.
LARGEST_SIDE = 32


def floors(
    train_inputs: np.ndarray,
    train_labels: np.ndarray,
    test_inputs: np.ndarray,
    classes: int,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, np.ndarray]:
    """Probabilities float64 [N_test, classes] of each floor: majority_class, logistic_regression.

    Inputs are images uint8 [N, H, W, C]. Each pixel is standardised by the training rows (images with a
    side above 32 are first averaged down by a whole factor to 32 or less). All training rows are fitted.
    `train_labels` are int in 0..classes-1; `groups` [N_train] stay whole in the cross-validation on the
    training rows that chooses the strength by accuracy (above 10,000 rows, on one fold of five); where too
    few rows can be held out, the most cautious strength stays. A class without training rows gets probability
    0. Raises ValueError on inputs that do not fit together.
    """
    from sklearn.linear_model import LogisticRegression

    if len(train_inputs) != len(train_labels) or not len(train_labels):
        raise ValueError(f"{len(train_inputs)} training images and {len(train_labels)} labels")
    frequencies = np.bincount(train_labels, minlength=classes) / len(train_labels)
    majority = np.tile(frequencies, (len(test_inputs), 1))
    if np.count_nonzero(frequencies) < 2:
        # One class in training: every model says just that.
        return {"majority_class": majority, "logistic_regression": majority}

    train, test = _pixels(train_inputs), _pixels(test_inputs)
    # A pixel that hardly moves (one grey level of 255) is noise not worth blowing up.
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1)
    train, test = (train - mean) / spread, (test - mean) / spread

    def logistic_regression(inverse_penalty: float) -> Any:
        return LogisticRegression(C=inverse_penalty, tol=1e-3, max_iter=1000)

    chosen_on = folds(train_labels, groups, seed)
    if len(train_labels) > FEW_ROWS:
        chosen_on = chosen_on[:1]
    strength = best(
        logistic_regression, INVERSE_PENALTIES, train, train_labels, chosen_on, progress, "logistic regression"
    )
    model = logistic_regression(strength).fit(train, train_labels)
    linear = np.zeros((len(test_inputs), classes))
    linear[:, model.classes_] = _normalised(model.predict_proba(test))
    return {"majority_class": majority, "logistic_regression": linear}


def _pixels(images: np.ndarray) -> np.ndarray:
    """Images uint8 [N, H, W, C] as float32 [N, pixels], averaged down to at most 32 a side."""
    rows, height, width, channels = images.shape
    factor = -(-max(height, width) // LARGEST_SIDE)
    if factor == 1:
        return images.reshape(rows, -1).astype(np.float32)
    tall, wide = max(1, height // factor), max(1, width // factor)
    top, left = (height - min(height, tall * factor)) // 2, (width - min(width, wide * factor)) // 2
    cut = images[:, top : top + tall * factor, left : left + wide * factor]
    small = np.empty((rows, tall, wide, channels), np.float32)
    for row in range(rows):
        small[row] = cut[row].reshape(tall, -1, wide, cut.shape[2] // wide, channels).mean(axis=(1, 3))
    return small.reshape(rows, -1)


def _normalised(probabilities: np.ndarray) -> np.ndarray:
    """Rows of float32 probabilities summing to 1 in float64."""
    exact = probabilities.astype(np.float64)
    return np.asarray(exact / exact.sum(axis=1, keepdims=True))
