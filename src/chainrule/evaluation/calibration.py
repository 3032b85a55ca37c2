"""Temperature scaling: one number that makes a classifier's confidence honest without changing a single
answer.

Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", section 4.2: logits are
divided by a temperature that minimises the negative log-likelihood of held-out rows.
"""

import numpy as np

# A model that is always right on the held-out rows would ask for temperature 0; the bound keeps probabilities
# usable.
LOWEST, HIGHEST = 0.05, 20.0


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities float64 [N, C] of `logits` [N, C] divided by a positive temperature."""
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.05, 20] with the least log-loss of validation `logits` [N, C] against `labels`
    int [N].

    The loss is convex in the inverse temperature, so the one minimum is found by a bounded scalar search on
    its logarithm. An answer at a bound means that the rows were all right (0.05) or told nothing (20). Raises
    ValueError without rows or with logits that are not finite.
    """
    from scipy.optimize import minimize_scalar

    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape} are not [N, C] and [N], N > 0")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite")
    shifted = logits - logits.max(axis=1, keepdims=True)
    true = shifted[np.arange(len(labels)), labels]
    # Without the largest, whose power is 1: log1p keeps losses apart that are next to nothing.
    others = shifted.copy()
    others[np.arange(len(labels)), logits.argmax(axis=1)] = -np.inf

    def loss(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        return float(np.mean(np.log1p(np.exp(others * inverse).sum(axis=1)) - true * inverse))

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
