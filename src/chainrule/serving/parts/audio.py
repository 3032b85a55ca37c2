"""An audio file as a part of a request: in, samples; made as cleaning makes the rows."""

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.fields import audio
from chainrule.fields.reject import Reject
from chainrule.serving.limits import Limits
from chainrule.serving.parts.files import columns, of_base64, of_cells, of_file, shown
from chainrule.system.errors import DataError, TooLargeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WORDS", "columns", "examples", "of_cells", "of_file", "of_json", "prepare", "schema", "shown", "waveform"]

WORDS = "a sound"
_TAKEN = "send WAV, FLAC, Ogg or MP3"
# What libsndfile reads beside these is left out: its decoders of old formats are hardly used, and so hardly tried.
_STARTS = (b"RIFF", b"fLaC", b"OggS", b"ID3")


def of_json(value: object) -> bytes:
    """Return the file that JSON holds. Raises DataError, with what it must be, for anything but base64."""
    return of_base64(value, "an audio file")


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's input int16 [1, T] for an audio file. Raises DataError for what is none."""
    (tensor,) = signature["inputs"]
    ((name, part),) = parts.items()
    return {tensor["name"]: waveform(part, signature["preprocessing"][name], limits)}


def waveform(part: bytes | str, rules: Mapping[str, Any], limits: Limits) -> np.ndarray:
    """Return samples int16 [1, T] of an audio file: its middle, or all of it between silence.

    rules: the field's `preprocessing` in the signature; limits: how many seconds there may be beside the limit that the
    rows had, checked before samples are decoded. Raises DataError for anything that is not such a sound.
    """
    if isinstance(part, str):
        raise DataError("this model takes a sound, not a text")
    if not part.startswith(_STARTS) and not _starts_as_mpeg(part):
        raise DataError(f"this is not a sound that can be read: {_TAKEN}")
    seconds = min(limits.seconds, rules.get("most_seconds", limits.seconds))
    cleaning = {name: rules[name] for name in ("min_seconds", "max_seconds", "long", "max_channels") if name in rules}
    try:
        found, _ = audio.normalise(part, rate=rules["rate"], most_seconds=seconds, **cleaning)
    except Reject as reject:
        kind = TooLargeError if reject.reason == "too_many_seconds" else DataError
        raise kind(_sentence(reject)) from reject
    return audio.fitted(audio.heard(found)[0], rules["samples"])[None]


def schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a part."""
    return {"type": "string", "contentEncoding": "base64", "description": "an audio file: WAV, FLAC, Ogg or MP3"}


def examples(rules: Mapping[str, Any]) -> Iterator[bytes]:
    """Return a short audio file of every format that is taken."""
    import soundfile

    samples = np.sin(np.arange(int(8000 * max(0.1, rules["min_seconds"]))) / 3) / 2
    for kind in ("WAV", "FLAC", "OGG", "MP3"):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, 8000, format=kind)
        yield buffer.getvalue()


def _starts_as_mpeg(part: bytes) -> bool:
    """Whether a file begins with a frame of MPEG audio: eleven bits that are set."""
    return len(part) > 1 and part[0] == 0xFF and part[1] & 0xE0 == 0xE0


def _sentence(reject: Reject) -> str:
    if reject.reason == "too_many_seconds":
        return f"the sound is too long: {reject.detail}"
    if reject.reason in ("too_short", "empty_sound", "too_many_channels", "not_finite"):
        return f"the sound cannot be used: {reject.detail}"
    return f"the sound cannot be read: {reject.detail}"
