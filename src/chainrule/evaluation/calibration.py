"""Temperature scaling: one number that makes a classifier's confidence honest without changing a single
answer.

Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", section 4.2: logits are
divided by a temperature that minimises the negative log-likelihood of held-out rows.
"""

import numpy as np

# A model that is always right on the held-out rows would ask for temperature 0; the bound keeps probabilities
# usable.
LOWEST, HIGHEST = 0.05, 20.0
HEAVIEST = 10.0
"""The most that what stands beside a model's logits may weigh."""


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


def fit_mixture(logits: np.ndarray, beside: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The temperature in [0.05, 20] and the weight in [0, 10] with which `logits` [N, C] divided by the one and
    `beside` [N, C] times the other, added up, have the least log-loss against `labels` int [N].

    A product of experts (Hinton 2002, section 2) whose exponents held-out rows tell. The loss is convex in the inverse
    temperature and the weight. Raises ValueError without rows, or with numbers that are not finite.
    """
    from scipy.optimize import minimize

    both = np.stack([np.asarray(logits, np.float64), np.asarray(beside, np.float64)])
    if both.ndim != 3 or labels.shape != both.shape[1:2] or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape} are not [N, C] and [N], N > 0")
    if not np.isfinite(both).all():
        raise ValueError("logits are not finite")
    true = both[:, np.arange(len(labels)), labels]

    def loss(factors: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(factors, both, axes=1)
        largest = scores.max(axis=1, keepdims=True)
        powers = np.exp(scores - largest)
        total = powers.sum(axis=1, keepdims=True)
        value = np.mean(np.log(total[:, 0]) + largest[:, 0] - factors @ true)
        gradient = ((powers / total * both).sum(axis=2) - true).mean(axis=1)
        return float(value), gradient

    bounds = [(1 / HIGHEST, 1 / LOWEST), (0.0, HEAVIEST)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="L-BFGS-B")
    inverse, weight = found.x
    return float(1 / inverse), float(weight)
