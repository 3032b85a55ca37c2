"""Sounds that tests make: tones and sweeps of several speakers, as files of several formats."""

import io
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
CLASSES = {"down": (1.0, 0.5), "flat": (1.0, 1.0), "up": (0.5, 1.0)}
"""By class: where its pitch begins and ends, as shares of the speaker's."""
PITCHES = {"ada": 900, "bob": 600, "cyd": 750, "dan": 1050, "eve": 1200, "fay": 680}


def spoken(word: str, speaker: str, seed: int, seconds: float = 0.4) -> np.ndarray:
    """Return samples in -1..1 of a word as a speaker says it: a tone that rises, falls or stays."""
    random = np.random.default_rng([seed, PITCHES[speaker]])
    count = int(seconds * random.uniform(0.8, 1.2) * RATE)
    start, end = (PITCHES[speaker] * share for share in CLASSES[word])
    phase = np.cumsum(np.linspace(start, end, count)) * 2 * np.pi / RATE
    tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.02 * random.standard_normal(count)
    return tone * np.hanning(count) * random.uniform(0.05, 0.6)


def encoded(samples: np.ndarray, kind: str = "WAV", rate: int = RATE, subtype: str | None = None) -> bytes:
    """Return a file of samples [T] or [T, channels]."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def write(folder: Path, each: int) -> None:
    """Write `each` files of every word by every speaker: word_speaker_number.wav, every fifth as FLAC."""
    folder.mkdir(parents=True)
    for word in CLASSES:
        for place, speaker in enumerate(PITCHES):
            for number in range(each):
                kind = "FLAC" if number % 5 == 4 else "WAV"
                name = f"{word}_{speaker}_{number}.{kind.lower()}"
                (folder / name).write_bytes(encoded(spoken(word, speaker, 10 * place + number), kind))
