"""Spectra of sounds, in NumPy: power by frequency and time, in bands as wide as the ear's, in decibels."""

from functools import lru_cache

import numpy as np

FLOOR = 80.0
"""Decibels below the loudest band of a sound from which on a band counts as silent."""
WINDOW, HOP = 0.025, 0.010
"""Seconds that a spectrum sees, and from one to the next."""


@lru_cache(maxsize=16)
def mel_filters(bands: int, size: int, rate: int, low: float, high: float) -> np.ndarray:
    """Return triangles that gather the bins of a Fourier transform of `size` samples into bands, float32 [bins, bands].

    They are spread evenly from `low` to `high` Hz on the mel scale as O'Shaughnessy 1987 has it (2595 log10(1 + f /
    700)), each from its neighbour's middle to the other's, with 1 at its own. A band that is narrower than a bin takes
    the bin nearest to its middle.
    """
    bins = np.arange(size // 2 + 1) * (rate / size)
    mels = np.linspace(_mel(low), _mel(high), bands + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    up = (bins[:, None] - left) / (middle - left)
    down = (right - bins[:, None]) / (right - middle)
    found = np.maximum(0, np.minimum(up, down))
    empty = np.flatnonzero(found.sum(axis=0) == 0)
    found[np.abs(bins[:, None] - middle[empty]).argmin(axis=0), empty] = 1
    found = found.astype(np.float32)
    found.setflags(write=False)
    return found


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def fast(size: float) -> int:
    """Return the least power of two that is no smaller: what a Fourier transform takes quickly."""
    return 1 << max(3, int(np.ceil(np.log2(max(size, 1)))))


def frames(samples: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Return pieces of `size` samples every `hop` of [T], [frames, size]; silence fills up the last, one at least."""
    count = 1 + max(0, -(-(len(samples) - size) // hop))
    padded = np.zeros(size + (count - 1) * hop, samples.dtype)
    padded[: len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]


def power(samples: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Return the power spectrum of samples [T] under Hann windows, float64 [frames, size // 2 + 1]."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    return np.asarray(np.abs(np.fft.rfft(frames(samples, size, hop) * window, axis=1)) ** 2)


def log_mel(samples: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Return decibels of samples in -1..1 [T] by time and band, float64 [frames, bands], the loudest of them 0.

    Windows of 25 ms every 10 ms, as speech recognisers have them; what is more than FLOOR below the loudest is raised
    to that. A sound of silence is FLOOR throughout.
    """
    size = fast(WINDOW * rate)
    found = power(samples, size, max(1, round(HOP * rate))) @ mel_filters(bands, size, rate, 0.0, rate / 2)
    most = found.max()
    if most <= 0:
        return np.full(found.shape, -FLOOR)
    return np.asarray(np.maximum(10 * np.log10(np.maximum(found / most, 1e-12)), -FLOOR))
