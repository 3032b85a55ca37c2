"""What is done to samples and told of them: speed, place, level, length, the middle of the spectrum; whole files."""

import struct

import numpy as np

from chainrule.fields import spectra

SILENCE = -120.0
"""Decibels that stand for no sound at all."""
_HEARD = 40.0  # decibels below the loudest moment down to which one counts as heard


def faster(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Return samples [T] played `factor` times as fast, pitch and all, [T / factor]."""
    import soxr

    return np.asarray(soxr.resample(samples, rate * factor, rate, quality="HQ"))


def moved(samples: np.ndarray, steps: int) -> np.ndarray:
    """Return samples [T] later by so many steps (earlier where negative), of the same length, silence coming in."""
    found = np.zeros_like(samples)
    count = max(0, len(samples) - abs(steps))
    if steps >= 0:
        found[len(samples) - count :] = samples[:count]
    else:
        found[:count] = samples[len(samples) - count :]
    return found


def level(samples: np.ndarray) -> float:
    """Return the level of samples in -1..1 [T]: decibels of their mean power, SILENCE at least."""
    mean = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return max(SILENCE, 10 * float(np.log10(max(mean, 1e-12))))


def traits(samples: np.ndarray, rate: int) -> dict[str, float]:
    """Return numbers that tell of samples in -1..1 [T], by name with the unit.

    Seconds heard are those from the first to the last moment that is at most 40 dB softer than the loudest; the centre
    of the spectrum and its spread are of its mean power (Peeters 2004, "A large set of audio features", sections 6.1.1
    and 6.1.2).
    """
    size = spectra.fast(spectra.WINDOW * rate)
    found = spectra.power(samples, size, max(1, round(spectra.HOP * rate)))
    hertz = np.arange(size // 2 + 1) * (rate / size)
    by_time, by_pitch = found.sum(axis=1), found.mean(axis=0)
    total = max(float(by_pitch.sum()), 1e-20)
    centre = float(by_pitch @ hertz) / total
    spread = float(np.sqrt(max(0.0, by_pitch @ (hertz - centre) ** 2 / total)))
    most = float(by_time.max())
    heard = np.flatnonzero(by_time > most * 10 ** (-_HEARD / 10)) if most > 0 else np.zeros(0, np.int64)
    seconds = (heard[-1] - heard[0] + 1) * spectra.HOP if len(heard) else 0.0
    quiet = float(np.quantile(by_time, 0.1))
    crossings = float(np.mean(np.signbit(samples[1:]) != np.signbit(samples[:-1]))) if len(samples) > 1 else 0.0
    return {
        "level (dB)": level(samples),
        "peak": float(np.abs(samples).max(initial=0)),
        "seconds heard": min(float(seconds), len(samples) / rate),
        "centre of the spectrum (Hz)": centre,
        "spread of the spectrum (Hz)": spread,
        "sign changes": crossings,
        "quietest tenth (dB)": 10 * float(np.log10(max(quiet, 1e-12) / max(most, 1e-12))) if most > 0 else 0.0,
    }


# ---- files that end too soon, which libsndfile reads as far as they go


def ends_early(raw: bytes) -> bool:
    """Whether a WAV or Ogg file ends before what it announces."""
    if raw[:4] in (b"RIFF", b"RF64"):
        return _wave_ends_early(raw)
    return raw[:4] == b"OggS" and _ogg_ends_early(raw)


def _wave_ends_early(raw: bytes) -> bool:
    at = 12
    while at + 8 <= len(raw):
        name, size = struct.unpack_from("<4sI", raw, at)
        if name == b"data":
            # What is written as a stream announces nothing: 0, or as much as there can be.
            return bool(size < 0xFFFFFF00 and at + 8 + size > len(raw))
        at += 8 + size + size % 2
    return True


def _ogg_ends_early(raw: bytes) -> bool:
    """Whether the last page is not marked as the stream's last (RFC 3533, section 6), or is cut off."""
    at = raw.rfind(b"OggS")
    if at + 27 > len(raw):
        return True
    segments = raw[at + 26]
    sizes = raw[at + 27 : at + 27 + segments]
    return bool(not raw[at + 5] & 4 or len(sizes) < segments or at + 27 + segments + sum(sizes) > len(raw))


def line(error: BaseException) -> str:
    """Return an error of libsndfile in one line."""
    # "Error opening <_io.BytesIO object at 0x7f...>" names an address, which differs from run to run.
    text = " ".join(str(error).split())
    return (
        text.rpartition("object at")[2].partition(": ")[2] or "not a sound of a known format"
        if "BytesIO" in text
        else text
    )
