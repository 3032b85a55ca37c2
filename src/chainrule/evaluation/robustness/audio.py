"""Corruptions of sounds: noise, clipping, a telephone's narrow band, an echoing room, speed, level, and lost moments.

Noise is added at ratios to the sound's own power, as in Hendrycks & Dietterich's order of severities (arXiv:1903.12261)
for images; what clips, filters and echoes is what microphones, codecs and rooms do (Peddinti et al. 2015, "JHU ASpIRE
system", for the rooms).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.evaluation.robustness import draws
from chainrule.fields import audio, sounds

NEEDS_CLEANING = False
"""Whether what is made may look otherwise than rows that were cleaned do."""

Alter = Callable[[np.ndarray, int, np.random.Generator, float], np.ndarray]
"""Of samples in -1..1 [T], their rate, a generator and a constant."""


def white_noise(samples: np.ndarray, rate: int, rng: np.random.Generator, ratio: float) -> np.ndarray:
    """Add white noise, `ratio` decibels softer than the sound."""
    return np.asarray(samples + _as_loud(rng.standard_normal(len(samples)), samples, ratio))


def pink_noise(samples: np.ndarray, rate: int, rng: np.random.Generator, ratio: float) -> np.ndarray:
    """Add noise whose power falls as 1 / f, as that of streets and rooms does, `ratio` decibels softer."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    shaped = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), n=len(samples))
    return np.asarray(samples + _as_loud(shaped, samples, ratio))


def clipping(samples: np.ndarray, rate: int, rng: np.random.Generator, share: float) -> np.ndarray:
    """Cut off what is louder than all but a `share` of the samples."""
    most = np.quantile(np.abs(samples), 1 - share)
    return np.asarray(samples.clip(-most, most)) if most > 0 else samples


def low_pass(samples: np.ndarray, rate: int, rng: np.random.Generator, share: float) -> np.ndarray:
    """Take out what is above a `share` of the frequencies that there are."""
    spectrum = np.fft.rfft(samples)
    spectrum[int(share * len(spectrum)) :] = 0
    return np.fft.irfft(spectrum, n=len(samples))


def echo(samples: np.ndarray, rate: int, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Let the sound ring on in a room, 60 dB softer after so many seconds; its level stays."""
    count = max(2, round(seconds * rate))
    room = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count) * 0.1
    room[0] = 1.0
    size = len(samples) + count
    found = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), n=size)[: len(samples)]
    return found * (_strength(samples) / max(_strength(found), 1e-9))


def speed(samples: np.ndarray, rate: int, rng: np.random.Generator, change: float) -> np.ndarray:
    """Play it faster or slower by a factor of 1 + `change`, pitch and all."""
    return sounds.faster(samples, rate, 1 + change if rng.random() < 0.5 else 1 / (1 + change))


def level(samples: np.ndarray, rate: int, rng: np.random.Generator, decibels: float) -> np.ndarray:
    """Make it so many decibels softer, to the 16 bits that are left."""
    return samples * 10 ** (-decibels / 20)


def lost_moments(samples: np.ndarray, rate: int, rng: np.random.Generator, share: float) -> np.ndarray:
    """Let a `share` of the moments of 20 ms be lost, as packets of a call are."""
    found = samples.copy()
    size = max(1, round(0.02 * rate))
    for place in draws.some(-(-len(samples) // size), share, rng):
        found[place * size : (place + 1) * size] = 0
    return found


CORRUPTIONS: Mapping[str, tuple[Alter, Sequence[float]]] = {
    "white_noise": (white_noise, (30, 20, 12, 6, 0)),
    "pink_noise": (pink_noise, (30, 20, 12, 6, 0)),
    "clipping": (clipping, (0.02, 0.05, 0.1, 0.2, 0.4)),
    "low_pass": (low_pass, (0.7, 0.5, 0.35, 0.25, 0.15)),
    "echo": (echo, (0.1, 0.2, 0.4, 0.8, 1.2)),
    "speed": (speed, (0.05, 0.1, 0.15, 0.25, 0.4)),
    "level": (level, (6, 12, 24, 36, 48)),
    "lost_moments": (lost_moments, (0.05, 0.1, 0.2, 0.3, 0.5)),
}
"""What is done, and how much of it, by severity."""


def corrupted(values: Sequence[bytes], name: str, severity: int, seed: int) -> list[bytes]:
    """Return sounds as cleaned rows hold them, altered; severity: from 1 to 5, 0 leaves all as they are."""
    if not severity:
        return list(values)
    alter, strengths = CORRUPTIONS[name]
    made = []
    for place, value in enumerate(values):
        samples, rate = audio.floats(value)
        found = alter(samples, rate, draws.generator(seed, name, severity, place), draws.at(strengths, severity))
        made.append(audio.wav(audio.whole(found), rate))
    return made


def _strength(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def _as_loud(noise: np.ndarray, samples: np.ndarray, ratio: float) -> np.ndarray:
    """Return noise whose power is `ratio` decibels below that of the samples."""
    return noise * (_strength(samples) / max(_strength(noise), 1e-9) * 10 ** (-ratio / 20))
