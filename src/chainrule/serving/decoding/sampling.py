"""From which tokens one is drawn, and with which probability."""

import numpy as np

from chainrule.serving.decoding.search import likeliest


def kept(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """Return the probabilities float64 [V] that a token is drawn by, of logits float32 [V].

    First the temperature, then the `top_k` likeliest (0: all), then of these the fewest that together have `top_p`
    (nucleus sampling: Holtzman et al. 2020, arXiv:1904.09751); at least one is kept.
    """
    scaled = logits.astype(np.float64) / temperature
    if 0 < top_k < len(scaled):
        among = likeliest(scaled, top_k)
        scaled = np.where(np.isin(np.arange(len(scaled)), among), scaled, -np.inf)
    chances: np.ndarray = np.exp(scaled - scaled.max())
    chances /= chances.sum()
    if top_p < 1:
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        chances[order[(before >= top_p) & (np.arange(len(order)) > 0)]] = 0
        chances /= chances.sum()
    return chances
