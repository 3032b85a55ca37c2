"""A sound on a page: its spectrogram as a picture, and something to play it with; nothing is fetched."""

import io
from base64 import b64encode
from html import escape

import numpy as np

from chainrule.evaluation import page
from chainrule.fields import audio, spectra

BANDS, WIDEST = 64, 256
"""Rows of a picture, and its most columns."""
PLAYED = 5.0
"""Seconds of a longer sound that can be played: its middle."""


def is_sound(value: object) -> bool:
    """Whether a value is a normalised sound, and no picture or text."""
    return isinstance(value, bytes) and audio.plain(value) is not None


def grey(value: bytes) -> np.ndarray:
    """Return the spectrogram of a normalised sound, uint8 [BANDS, frames]: low at the bottom, loud is dark."""
    samples, rate = audio.floats(value)
    found = spectra.log_mel(samples, rate, BANDS)
    together = -(-len(found) // WIDEST)
    starts = np.arange(0, len(found), together)
    levels = np.maximum.reduceat(found, starts, axis=0) / -spectra.FLOOR
    return np.rint(255 * levels.T[::-1]).astype(np.uint8)


def picture(value: bytes) -> bytes:
    """Return the spectrogram of a normalised sound as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(grey(value)).save(file, "PNG")
    return file.getvalue()


def element(value: bytes, says: str) -> str:
    """Return a normalised sound as HTML: its spectrogram, and controls to play it; says: what it is, for ears."""
    samples, rate = audio.heard(value)
    played = audio.wav(audio.middle(samples, round(PLAYED * rate)), rate)
    seconds = len(samples) / rate
    label = f"{says}: spectrogram of {seconds:.2f} s, from 0 to {rate / 2:g} Hz"
    return (
        f'<div class="sound"><img src="{page.data_uri(picture(value))}" alt="{escape(label)}" title="{escape(label)}">'
        f'<audio controls preload="none" src="data:audio/wav;base64,{b64encode(played).decode("ascii")}"></audio></div>'
    )
