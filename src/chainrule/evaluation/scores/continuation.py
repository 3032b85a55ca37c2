"""Scores of texts that are told token by token, from outputs `nats`, `bytes` and `told`, [N, T] each.

- bits_per_byte: PRIMARY. What a byte of UTF-8 costs to tell, in bits: whatever a model's tokens are, it is comparable
  (Gao et al. 2020, "The Pile", arXiv:2101.00027, section 3.1).
- perplexity: of a token, e to the power of its mean cost: of how many equally likely ones the model chooses. Only
  models of the same tokens compare by it.
- nats_per_token: the logarithm of it.
- told: the share of the rows' bytes that had to be told; what is beyond the model's longest text is not, nor is a first
  token that has nothing before it.

Tokens that mark an end cost bits and have no bytes; so does a token that stands for an unknown character.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.evaluation.primary import NATS, Facts, Metrics, Outputs, Primary, Score

BITS = "bits"
PRIMARY = Primary("bits_per_byte", more_is_better=False, unit=BITS)
SCORES = (
    Score("bits_per_byte", "Bits per byte", more_is_better=False, unit=BITS),
    Score("perplexity", "Perplexity per token", more_is_better=False, unit=""),
    Score("nats_per_token", "Nats per token", more_is_better=False, unit=NATS),
    Score("told", "Bytes that were told", more_is_better=True),
)
HEADLINE = ("perplexity", "nats_per_token")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "The chances of what follows are as learnt: validation rows chose the epoch alone."
SAME = 0.01
"""Two models tell a row alike whose costs differ by at most so many nats per token."""


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 4], what each row adds: nats, tokens and bytes that were told, and all bytes (`target`, [N]).

    Raises ValueError when the arrays do not fit together.
    """
    nats, of_tokens, told = (np.asarray(outputs[name], np.float64) for name in ("nats", "bytes", "told"))
    true = np.asarray(target, np.float64)
    if nats.ndim != 2 or nats.shape != told.shape or len(nats) != len(true):
        raise ValueError(f"costs {nats.shape}, told {told.shape} and bytes {true.shape} do not fit together")
    return np.column_stack([nats.sum(axis=1), told.sum(axis=1), of_tokens.sum(axis=1), true])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 4]; NaN where nothing was told."""
    nats, tokens, told, every = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    per_token = np.where(tokens > 0, nats / np.maximum(tokens, 1), np.nan)
    return {
        "bits_per_byte": np.where(told > 0, nats / np.log(2) / np.maximum(told, 1), np.nan),
        "perplexity": np.exp(per_token),
        "nats_per_token": per_token,
        "told": np.where(every > 0, told / np.maximum(every, 1), np.nan),
    }


def per_token(outputs: Outputs) -> np.ndarray:
    """Return the mean cost of each row's tokens in nats, float64 [N]; 0 of a row without one."""
    tokens = np.asarray(outputs["told"], np.float64).sum(axis=1)
    return np.asarray(np.asarray(outputs["nats"], np.float64).sum(axis=1) / np.maximum(tokens, 1))


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models tell a row alike, bool [N]."""
    return np.asarray(np.abs(per_token(ours) - per_token(theirs)) <= SAME)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the chance of a token of it, the geometric mean, [N, 1]."""
    return np.asarray(np.exp(-per_token(outputs))[:, None])


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are: bits per byte mean the same to all."""
    return outputs
