"""From a classifier's logits to an answer: labels with probabilities, the likeliest first."""

import numpy as np

from chainrule.evaluation.calibration import softmax
from chainrule.system.errors import ChainruleError


def ranked(logits: np.ndarray, labels: list[str]) -> list[tuple[str, float]]:
    """Return (label, probability) of one row of logits [1, C], sorted; labels stand in the order of the logits.

    The graph has divided the logits by the temperature of the calibration, so a plain softmax is calibrated. Raises
    ChainruleError when a logit is not finite: no probability would be true then.
    """
    row = np.asarray(logits, np.float64).reshape(len(labels))
    if not np.isfinite(row).all():
        raise ChainruleError("the model answered with a number that is not finite")
    chances = softmax(row[None], 1.0)[0]
    return [(labels[index], float(chances[index])) for index in np.argsort(-chances, kind="stable")]
