"""Pieces of a sound: bands of its spectrum by moments of time, which add up to it; one that is hidden is silent."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts

BANDS, TIMES = 6, 8
"""Pieces of a sound where more may be run, too: what an ear tells apart."""
_FADE = 0.01  # seconds in which one moment goes over into the next, so that no click is added


def divide(inputs: Arrays, values: Mapping[str, Any], facts: Mapping[str, Any], tokenizer: Any, most: int) -> Parts:
    """Return at most `most` pieces of the one sound int16 [1, T] in `inputs`; facts: with its rate."""
    ((name, sound),) = inputs.items()
    bands = max(1, min(BANDS, isqrt(most * BANDS // TIMES)))
    times = max(1, min(TIMES, most // bands))
    rate = int(facts["rate"])
    made = pieces(sound[0], bands, times, rate)
    flat = made.reshape(-1, sound.shape[1])

    def hidden(masks: np.ndarray) -> Arrays:
        return {name: _whole(masks.astype(np.float32) @ flat)}

    edges, moments = _edges(bands, rate), np.linspace(0, sound.shape[1] / rate, times + 1)
    about = [
        {"from": round(float(moments[time]), 4), "to": round(float(moments[time + 1]), 4),
         "low": round(float(edges[band])), "high": round(float(edges[band + 1]))}
        for band in range(bands) for time in range(times)
    ]  # fmt: skip
    note = f"{bands} bands and {times} times, fewer than {BANDS} and {TIMES}" if most < BANDS * TIMES else ""
    return Parts(about, np.arange(bands * times), hidden, {name: np.zeros_like(sound)}, "silence", note)


def shape(about: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many bands and how many times pieces are of."""
    times = len({piece["from"] for piece in about})
    return len(about) // times, times


def pieces(samples: np.ndarray, bands: int, times: int, rate: int) -> np.ndarray:
    """Return float32 [bands, times, T] that add up to samples [T]: bands as wide on the mel scale, times as long."""
    length = len(samples)
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hertz = np.fft.rfftfreq(length, 1 / rate)
    band = np.clip(np.searchsorted(_edges(bands, rate), hertz, side="right") - 1, 0, bands - 1)
    split = np.stack([np.fft.irfft(np.where(band == each, spectrum, 0), n=length) for each in range(bands)])
    starts = np.linspace(0, length, times + 1)[1:-1]
    # How much of each moment comes after a border, rising from 0 to 1 across it.
    after = np.clip((np.arange(length) - starts[:, None]) / max(1.0, _FADE * rate) + 0.5, 0, 1)
    after = np.vstack([np.ones(length), after, np.zeros(length)])
    return (split[:, None] * (after[:-1] - after[1:])).astype(np.float32)


def _edges(bands: int, rate: int) -> np.ndarray:
    mels = np.linspace(0, np.log10(1 + rate / 2 / 700), bands + 1)
    return np.asarray(700 * (10**mels - 1))


def _whole(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(samples).clip(-32768, 32767).astype(np.int16))
