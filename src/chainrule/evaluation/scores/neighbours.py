"""Scores of word vectors, from outputs `told`, `seen` and `unknown`, [N, T] each.

- word_auc: PRIMARY. The chance that a word of a text that nobody learnt from is nearer to the rest of the text than a
  stranger, a word about as frequent that is not in it: the area under the curve that tells them apart, 0.5 by chance. A
  word is near to a text by the cosine of its vector and the sum of those of the text's other words, each taken once.
- known: the share of the texts' words that have a vector.

Strangers are as frequent, to a factor of two in training rows, because vectors of frequent and of rare words differ in
more than what they mean; what frequency is worth beyond that is one of the floors.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.evaluation.primary import Facts, Metrics, Outputs, Primary, Score

PRIMARY = Primary("word_auc", more_is_better=True, unit="share")
SCORES = (
    Score("word_auc", "A word told from strangers by its text (area)", more_is_better=True),
    Score("known", "Words that have a vector", more_is_better=True),
)
HEADLINE = ("known",)
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = "Cosines are as learnt: validation rows chose the epoch alone."
BANDS, OF_BAND = 16, 32
"""Frequencies are told apart by their doublings, up to so many, and so many strangers at most are of each band."""
LEVEL = 1e-3
"""Cosines that differ by less are told apart in proportion, so that rounding turns no answer over."""
SAME = 0.01
"""Two models tell a row alike if the shares of strangers that its words beat differ by at most so much."""


class Strangers(NamedTuple):
    """Words with which others are compared, int64 [BANDS * OF_BAND], and the bands of these and of all words [V].

    A band is -1 where there is no word, -2 where there is no stranger.
    """

    words: np.ndarray
    bands: np.ndarray
    band_of: np.ndarray


def strangers(counts: np.ndarray) -> Strangers:
    """Return strangers from all over each band, by how often words are, [V], 0 of what is none; nothing is random."""
    counts = np.asarray(counts, np.int64)
    band_of = np.where(counts > 0, np.minimum(np.log2(np.maximum(counts, 1)).astype(np.int64), BANDS - 1), -1)
    words, bands = np.zeros(BANDS * OF_BAND, np.int64), np.full(BANDS * OF_BAND, -2, np.int64)
    for band in range(BANDS):
        own = np.flatnonzero(band_of == band)
        chosen = own[np.linspace(0, len(own) - 1, min(len(own), OF_BAND)).round().astype(np.int64)]
        places = slice(band * OF_BAND, band * OF_BAND + len(chosen))
        words[places], bands[places] = chosen, band
    return Strangers(words, bands, band_of)


def beaten(own: np.ndarray, others: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return which share of strangers each word beats, [W], half of those at the same cosine; 0 where none is asked.

    own: [W], others [W, P]: cosines with the text without that word; asked: bool [W, P], which strangers count.
    """
    ahead = np.clip(0.5 + (own[:, None] - others) / (2 * LEVEL), 0, 1)
    return np.asarray((ahead * asked).sum(axis=1) / np.maximum(asked.sum(axis=1), 1))


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 4], what each row adds: told, words that were asked for, unknown words, all words.

    Raises ValueError when the arrays do not fit together.
    """
    told, seen, unknown, real = (np.asarray(outputs[name], np.float64) for name in ("told", "seen", "unknown", "real"))
    if told.ndim != 2 or not told.shape == seen.shape == unknown.shape == real.shape or len(told) != len(target):
        raise ValueError(f"told {told.shape}, seen {seen.shape} and {len(target)} rows do not fit together")
    return np.column_stack([each.sum(axis=1) for each in (told, seen, unknown, real)])


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores [...] of sums [..., 4]; NaN where no word was asked for."""
    told, seen, unknown, real = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    return {
        "word_auc": np.where(seen > 0, told / np.maximum(seen, 1), np.nan),
        "known": np.where(real > 0, 1 - unknown / np.maximum(real, 1), np.nan),
    }


def fit(outputs: Outputs) -> np.ndarray:
    """Return how well the words of each row fit, float64 [N]: the mean share that is told; 0.5 of a row without any."""
    seen = np.asarray(outputs["seen"], np.float64).sum(axis=1)
    told = np.asarray(outputs["told"], np.float64).sum(axis=1)
    return np.asarray(np.where(seen > 0, told / np.maximum(seen, 1), 0.5))


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models tell a row alike, bool [N]."""
    return np.asarray(np.abs(fit(ours) - fit(theirs)) <= SAME)


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return numbers from 0 to 1, float64 [N, 1], in which answers to the same rows are compared."""
    return np.asarray(fit(outputs)[:, None])


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return the facts by which several models are compared: those of the first."""
    return facts[0]


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Outputs:
    """Return a model's outputs as they are: the area means the same to all."""
    return outputs
