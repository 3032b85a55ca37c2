"""Randomness of what is altered, from a row's place alone: the same row comes out the same beside any others."""

import zlib
from collections.abc import Sequence

import numpy as np


def generator(seed: int, name: str, severity: int, place: int) -> np.random.Generator:
    """Return the generator of one row under one corruption."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), severity, place])


def some(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """Return, in order, a share of the places 0..count-1, drawn evenly; at least one, where there are any."""
    chosen = rng.permutation(count)[: max(1, round(share * count))]
    return sorted(chosen.tolist())


def at(strengths: Sequence[float], severity: int) -> float:
    """Return what a corruption does at a severity from 1 to 5."""
    return strengths[severity - 1]
