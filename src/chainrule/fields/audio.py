"""Rows whose input is a sound: an audio file in, a WAV file of one channel, 16 bits and one rate out."""

import io
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.fields import sounds, spectra, thumbnails
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

if TYPE_CHECKING:
    import pandas as pd

DTYPE = "object"

Long = Literal["cut", "reject"]

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "AU", "CAF")
"""Of libsndfile, of every ending in `formats.folders`; it decodes more, some of it of programs that nobody has."""
LEVELS = 32768
"""Levels of a sample on either side of nothing."""
BANDS = 32
"""Bands of the spectra that drift compares."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_BLOCK = 1 << 16  # frames that are decoded at once: what is too much is noticed before it is in memory
_SIDE = thumbnails.SIDE
_STRETCHED = 0.25  # how much longer one of two sounds may be that are the same


def normalise(
    raw: bytes,
    *,
    rate: int,
    min_seconds: float,
    max_seconds: float,
    long: Long = "cut",
    most_seconds: float = 600.0,
    max_channels: int = 8,
) -> tuple[bytes, list[str]]:
    """Return a WAV file of one channel, 16 bits and `rate` samples a second, and what had to be repaired.

    Channels are averaged; other rates are resampled by a filter of linear phase (soxr's high quality). What is longer
    than `max_seconds` is cut to its middle, or refused. A WAV file that is so already is returned as it is, so the
    function is idempotent.

    Raises Reject: unreadable_sound; truncated_sound, where the file ends before what it announces; too_many_channels
    and too_many_seconds (more than `most_seconds`, or `max_seconds` where that is asked for), told by the header before
    samples are decoded, and again while they are; empty_sound (no samples), too_short, not_finite (NaN, infinity).
    """
    if (held := plain(raw, rate)) is not None and min_seconds * rate <= len(held) <= max_seconds * rate:
        return raw, []
    samples, found, repairs = _read(
        raw, most_seconds if long == "cut" else min(max_seconds, most_seconds), max_channels
    )
    if found != rate:
        import soxr

        samples = soxr.resample(samples, found, rate, quality="HQ")
        repairs.append("resampled")
    most = int(max_seconds * rate)
    if len(samples) > most:
        samples = middle(samples, most)
        repairs.append("cut")
    if len(samples) < max(1, min_seconds * rate):
        raise Reject("too_short", f"{len(samples) / rate:.3f} s, fewer than {min_seconds:g}")
    return wav(whole(samples), rate), repairs


def _read(raw: bytes, most_seconds: float, max_channels: int) -> tuple[np.ndarray, int, list[str]]:
    """Return samples float32 [T] of a file, in -1..1, their rate, and what was done to them."""
    import soundfile

    known, count, announced = False, 0, 0
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            kind, channels, rate, announced = file.format, file.channels, file.samplerate, file.frames
            if kind not in FORMATS:
                raise Reject("unreadable_sound", f"a file of format {kind}")
            if channels > max_channels:
                raise Reject("too_many_channels", f"{channels} channels, more than {max_channels}")
            known = 0 < announced < 1 << 60  # a stream does not say
            if known and announced > most_seconds * rate:
                raise Reject("too_many_seconds", f"{announced / rate:,.1f} s, more than {most_seconds:g}")
            blocks = []
            while len(block := file.read(_BLOCK, "float32", always_2d=True)):
                count += len(block)
                if count > most_seconds * rate:
                    raise Reject("too_many_seconds", f"more than {most_seconds:g} s")
                blocks.append(block.mean(axis=1, dtype=np.float32) if channels > 1 else block[:, 0])
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OverflowError, MemoryError) as error:
        if known:
            raise Reject("truncated_sound", f"no more than {count:,} of {announced:,} samples can be read") from error
        raise Reject("unreadable_sound", sounds.line(error)) from error
    if (known and count < announced) or sounds.ends_early(raw):
        raise Reject("truncated_sound", "the file ends before what it announces")
    if not count:
        raise Reject("empty_sound", "no samples")
    samples = np.concatenate(blocks)
    if not np.isfinite(samples).all():
        raise Reject("not_finite", "a sample is no number")
    return samples, rate, ["mixed_to_mono"] if channels > 1 else []


def middle(samples: np.ndarray, most: int) -> np.ndarray:
    """Return the middle of samples [T], at most so many."""
    start = (len(samples) - most) // 2
    return samples if start <= 0 else samples[start : start + most]


def fitted(samples: np.ndarray, count: int) -> np.ndarray:
    """Return so many samples of [T]: its middle, or all of it with as much silence before as behind."""
    samples = middle(samples, count)
    found = np.zeros(count, samples.dtype)
    start = (count - len(samples)) // 2
    found[start : start + len(samples)] = samples
    return found


def whole(samples: np.ndarray) -> np.ndarray:
    """Return samples int16 of samples in -1..1; what is louder is clipped."""
    return np.asarray(np.rint(samples * LEVELS).clip(-LEVELS, LEVELS - 1).astype(np.int16))


def wav(samples: np.ndarray, rate: int) -> bytes:
    """Return a WAV file of samples int16 [T]: a header of 44 bytes, and they."""
    content = samples.astype("<i2").tobytes()
    header = (b"RIFF", 36 + len(content), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", len(content))
    return _HEADER.pack(*header) + content


def plain(raw: bytes, rate: int | None = None) -> np.ndarray | None:
    """Return the samples int16 [T] of a file that `wav` may have written (of a rate), None of any other."""
    if len(raw) < _HEADER.size or len(raw) % 2:
        return None
    found = _HEADER.unpack_from(raw)
    size = len(raw) - _HEADER.size
    own = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, found[7], 2 * found[7], 2, 16, b"data", size)
    if found != own or not found[7] or rate not in (None, found[7]):
        return None
    return np.frombuffer(raw, "<i2", offset=_HEADER.size)


def heard(value: bytes) -> tuple[np.ndarray, int]:
    """Return the samples int16 [T] of a normalised sound, and their rate."""
    return np.frombuffer(value, "<i2", offset=_HEADER.size), int(_HEADER.unpack_from(value)[7])


def floats(value: bytes) -> tuple[np.ndarray, int]:
    """Return the samples of a normalised sound in -1..1, float64 [T], and their rate."""
    samples, rate = heard(value)
    return samples / LEVELS, rate


def decode(values: Sequence[bytes]) -> np.ndarray:
    """Return the samples of normalised sounds, each int16 of its own length, as an array of objects [N]."""
    found = np.empty(len(values), object)
    for index, value in enumerate(values):
        found[index] = heard(value)[0]
    return found


def key(value: bytes) -> bytes:
    """Return 16 bytes that are the same for two sounds if and only if their samples and rates are the same."""
    samples, rate = heard(value)
    return blake2b(samples.tobytes(), digest_size=16, salt=struct.pack("<I", rate)).digest()


def near_duplicates(
    values: Sequence[bytes], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of sounds that are the same to the ear, nearly.

    Alike are small pictures of their spectra, 16 bands of 16 parts of the time from the first to the last that can be
    heard: at most `threshold` of the 80 dB from the loudest to silence apart in mean, of sounds of one length but for
    a quarter. Louder, at another rate or encoded anew a sound stays alike (0.012 at most, of spoken digits); what was
    said again is not (0.019 at least). No such pair is missed.

    Raises DataError when more than about 20 million pairs would have to be verified.
    """
    if len(values) < 2:
        return np.zeros((0, 2), np.int64)
    shown = progress(values, "look for near duplicates", "sounds") if progress else values
    pictures = np.empty((len(values), _SIDE**2), np.uint8)
    lengths = np.empty(len(values))
    for index, value in enumerate(shown):
        pictures[index], lengths[index] = fingerprint(value)
    pairs = thumbnails.alike(pictures, threshold)
    short, long = np.sort(lengths[pairs], axis=1).T
    return np.asarray(pairs[long <= (1 + _STRETCHED) * short])


def fingerprint(value: bytes) -> tuple[np.ndarray, float]:
    """Return uint8 [256]: decibels of 16 bands of 16 parts of what can be heard of a sound, and the seconds that is."""
    samples, rate = floats(value)
    found = spectra.log_mel(samples, rate, _SIDE)
    loud = np.flatnonzero(found.max(axis=1) > -0.5 * spectra.FLOOR)
    first, last = (loud[0], loud[-1] + 1) if len(loud) else (0, len(found))
    found = found[first:last]
    edges = np.linspace(0, len(found), _SIDE + 1)
    parts = [found[int(a) : max(int(a) + 1, int(np.ceil(b)))].mean(axis=0) for a, b in pairwise(edges)]
    levels = (np.stack(parts) + spectra.FLOOR) * (255 / spectra.FLOOR)
    return np.rint(levels).clip(0, 255).astype(np.uint8).ravel(), (last - first) * spectra.HOP


def augmented_copy(
    value: bytes, rng: np.random.Generator, *, shift: float, gain: float, speed: float, noise: float
) -> bytes:
    """Return a copy played at another speed, moved in time, louder or softer, and with noise, each drawn evenly.

    speed: by a factor of up to 1 ± speed, which moves the pitch along (Ko et al. 2015, "Audio augmentation for speech
    recognition"). shift: by up to so many seconds either way, silence in its place. gain: by up to so many decibels
    either way. noise: white, of up to this share of the sound's own level.
    """
    samples, rate = floats(value)
    if speed:
        samples = sounds.faster(samples, rate, 1 + rng.uniform(-speed, speed))
    if shift:
        samples = sounds.moved(samples, round(rng.uniform(-shift, shift) * rate))
    if noise:
        level = float(np.sqrt(np.mean(samples**2)))
        samples = samples + rng.normal(0, 1, len(samples)) * level * rng.uniform(0, noise)
    if gain:
        samples = samples * 10 ** (rng.uniform(-gain, gain) / 20)
    return wav(whole(samples), rate)


def describe(values: Sequence[bytes]) -> "pd.DataFrame":
    """Return what validation looks at, one row per sound: seconds, rate, level (dB below the loudest there can be)."""
    import pandas as pd

    found = np.empty((len(values), 3))
    for index, value in enumerate(values):
        samples, rate = floats(value)
        found[index] = len(samples) / rate, rate, sounds.level(samples)
    return pd.DataFrame({"seconds": found[:, 0], "rate": found[:, 1].astype(np.int64), "level": found[:, 2]})


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `describe` must show of clean sounds; `normalise` as in params.yaml."""
    between = "expect_column_values_to_be_between"
    rate, least = normalise["rate"], max(0.0, normalise["min_seconds"] - 1e-9)
    return [
        (between, {"column": "rate", "min_value": rate, "max_value": rate}),
        (between, {"column": "seconds", "min_value": least, "max_value": normalise["max_seconds"] + 1e-9}),
        (between, {"column": "level", "min_value": sounds.SILENCE, "max_value": 0}),
        # Sounds that all have one level are silent, or broken in one and the same way.
        ("expect_column_stdev_to_be_between", {"column": "level", "min_value": 0, "strict_min": True}),
    ]


def measure(
    rows: Sequence[Mapping[str, np.ndarray]],
    fields: Sequence[str],
    tokenizer: Any,
    preprocessing: Mapping[str, Any] | None = None,
) -> dict[str, Measured]:
    """Return by field what drift compares of sounds as a model gets them, int16 [1, T] each.

    rows: a graph's inputs, called like the fields unless there is but one.
    """
    rate = {field: (preprocessing or {}).get(field, {}).get("rate", 16_000) for field in fields}
    return {
        field: measured([row.get(field, next(iter(row.values())))[0] for row in rows], rate[field]) for field in fields
    }


def measured(samples: Sequence[np.ndarray], rate: int) -> Measured:
    """Return what drift compares of sounds, int16 [T] each: level, length, pitch and spread of the spectrum, noise."""
    found = [sounds.traits(each / LEVELS, rate) for each in samples]
    names = list(found[0]) if found else []
    numbers = {name: np.array([each[name] for each in found]) for name in names}
    bands = [spectra.log_mel(each / LEVELS, rate, BANDS).mean(axis=0) for each in samples]
    return Measured(numbers, {"spectrum": np.array(bands).reshape(len(samples), BANDS)}, None)
