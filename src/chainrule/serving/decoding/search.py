"""What the ways to decode have in common: how they are asked, and what they find."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

ENDED, LENGTH, TIME, GONE, LATE = "stop", "length", "time", "gone", "late"
"""Why a text ends: an end token, the most tokens, the most seconds, nobody waits for it any more, it was not begun in
time."""


class Token(NamedTuple):
    """One token that was made."""

    id: int
    logprob: float
    """Log-probability by the model itself, before temperature and the like."""
    alternatives: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens at this place with their log-probabilities, likeliest first."""


@dataclass
class Found:
    """A text as tokens."""

    tokens: list[int] = field(default_factory=list)
    """An end token, where there is one, included."""
    logprobs: list[float] = field(default_factory=list)
    """Of each token, by the model itself."""
    path: list[int] = field(default_factory=list)
    """Which of the search's rows each token followed."""
    score: float = 0.0
    """What the search compares: the log-probability of all tokens, of beams with the length's penalty."""
    reason: str = LENGTH


class Search(Protocol):
    """One source's way to decode. It begins with one row, and says after each step which rows there are."""

    width: int
    """The most rows that it has at once."""
    done: bool

    def advance(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take logits float32 [R, V] of the rows; return tokens int64 [N] of the next rows and the rows [N] they
        follow. Of a search that is done they mean nothing.
        """

    def fresh(self) -> list[Token]:
        """Return the tokens that are certain and were not told before: of beams none until they are done."""

    def best(self) -> Found:
        """Return what is found, or the best so far."""


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities float32 [R, V] of logits [R, V]."""
    shifted = logits.astype(np.float32) - logits.max(axis=-1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def likeliest(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` highest of scores [N], highest first, of equals the first first."""
    count = min(count, len(scores))
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    above, same = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
    places = np.sort(np.concatenate([above, same[: count - len(above)]]))
    found: np.ndarray = places[np.argsort(-scores[places], kind="stable")]
    return found
