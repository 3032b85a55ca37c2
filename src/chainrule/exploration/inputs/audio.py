"""Sounds: lengths, levels and spectra, a mean spectrogram of each class, and what is unlike all others."""

import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image

from chainrule.evaluation import page, spectrogram
from chainrule.evaluation.parts import Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.exploration.nearest import NEAREST, distances
from chainrule.exploration.outliers import Outlying
from chainrule.fields import audio, sounds, spectra
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject
from chainrule.system import plugins

SECONDS = 20_000.0
"""Seconds that are looked at, of all sounds together."""
LEAST = 200
"""Sounds that are looked at however long they are."""
NARROW = True
"""Whether rows are small when they are shown."""
CLASSES = 20
"""Mean spectrograms that are shown."""
OTHERS = 2000
"""Sounds that each is compared with."""
_PARTS, _BANDS = 32, 32  # of a mean spectrogram: parts of the time, bands
_DIRECTIONS = 16
_SOFT = -60.0  # decibels below full scale from which on nobody hears much


def overview(looked: Looked, name: str) -> Part:
    """Return lengths, levels and spectra of the training sounds beside validation's, and class means."""
    measured = {}
    for split, rows in looked.splits.items():
        measured[split] = _measured(sampled(rows, name, looked.seed)[name].tolist())
    own, train = measured["train"], looked.splits["train"]
    pictures = [
        drawing.histogram(title, {split: each[title] for split, each in measured.items()})
        for title in own
        if len(np.unique(own[title])) > 1
    ]
    seconds, levels = own["seconds"], own["level (dB)"]
    said = ""
    if len(seconds):
        lengths = f"{seconds.min():.2f} to {seconds.max():.2f} s, half of them up to {np.median(seconds):.2f} s"
        said = f"<p>{escape(of(len(seconds), len(train), 'training sounds'))}: {lengths}.</p>"
    look_at = []
    if soft := int((levels < _SOFT).sum()):
        look_at.append(f"{soft:,} of {len(levels):,} sounds are softer than {_SOFT:g} dB, and so hardly heard")
    if full := int((own["peak"] >= 0.9999).sum()):
        look_at.append(f"{full:,} of {len(levels):,} sounds reach full scale, and may be clipped")
    note = "<p class='note'>Levels in decibels below full scale. Bars: training sounds; line: validation sounds.</p>"
    numbers = {
        "looked_at": len(seconds),
        "seconds": [round(float(end), 3) for end in (seconds.min(), np.median(seconds), seconds.max())]
        if len(seconds)
        else None,
        "level": round(float(levels.mean()), 2) if len(levels) else None,
        "soft": soft,
        "look_at": look_at,
    }
    body = f'{said}<div class="cells">{"".join(pictures)}</div>{note}{_means(looked, name)}'
    return Part(name, body, numbers)


def sampled(rows: Any, name: str, seed: int) -> Any:
    """Return as many rows as SECONDS are in their sounds by the mean of the first, and LEAST at least."""
    if rows.empty:
        return rows
    some = [audio.heard(value) for value in rows[name].iloc[:LEAST]]
    mean = sum(len(samples) / rate for samples, rate in some) / len(some)
    return drawn(rows, max(LEAST, int(SECONDS / max(mean, 1e-3))), seed)


def _measured(values: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Return numbers float64 [N] by name with the unit."""
    rows = []
    for value in values:
        samples, rate = audio.floats(value)
        rows.append({"seconds": len(samples) / rate, **sounds.traits(samples, rate)})
    names = list(rows[0]) if rows else ["seconds", "level (dB)", "peak"]
    return {name: np.array([row[name] for row in rows], np.float64) for name in names}


def _means(looked: Looked, name: str) -> str:
    """Return the mean spectrogram of each class, of the rows that are looked at, all of them as long."""
    rows = sampled(looked.splits["train"], name, looked.seed)
    kind = plugins.load("exploration.targets", looked.block["target"])
    groups = kind.buckets(rows[looked.columns.target.name].tolist())
    if not 1 < len(groups) <= CLASSES:
        return ""
    levels = np.stack([_levels(value) for value in rows[name]])
    figures = "".join(_figure(levels[places].mean(axis=0), called) for called, places in groups)
    note = "<p class='note'>Time from left to right, all sounds as long; low below, high above; loud is dark.</p>"
    return f'<h3>The mean spectrogram of each class</h3><div class="strip">{figures}</div>{note}'


def _levels(value: bytes) -> np.ndarray:
    """Return decibels [_PARTS, _BANDS] of a sound by part of its time and by band, the loudest moment 0."""
    samples, rate = audio.floats(value)
    found = spectra.log_mel(samples, rate, _BANDS)
    edges = np.linspace(0, len(found), _PARTS + 1)
    parts = [found[int(a) : max(int(a) + 1, int(np.ceil(b)))] for a, b in pairwise(edges)]
    return np.stack([part.mean(axis=0) for part in parts])


def _figure(levels: np.ndarray, caption: str) -> str:
    pixels = np.rint(255 * levels.T[::-1] / -spectra.FLOOR).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return (
        f'<figure><img src="{page.data_uri(file.getvalue())}" alt="{escape(f"the mean spectrogram of {caption}")}">'
        f'<figcaption dir="auto">{escape(caption)}</figcaption></figure>'
    )


def shown(value: bytes, says: str) -> str:
    """Return a clean sound as its spectrogram, with controls to play it."""
    return f'<figure style="width:9rem">{spectrogram.element(value, says)}</figure>'


def shown_raw(raw: Any) -> str:
    """Return a sound as the source gave it, with its form; a line where it cannot be heard."""
    if not isinstance(raw, bytes):
        return "<p>nothing</p>"
    try:
        clean, _ = audio.normalise(raw, rate=16_000, min_seconds=1e-4, max_seconds=30.0, max_channels=64)
    except Reject as reject:
        return f"<p>{len(raw):,} bytes that cannot be heard: {escape(reject.detail[:120])}</p>"
    said = _form(raw) or "a sound"
    return (
        f'<figure style="width:9rem">{spectrogram.element(clean, said)}<figcaption>{escape(said)}</figcaption></figure>'
    )


def _form(raw: bytes) -> str:
    """Return of what form a sound is, such as `WAV PCM_16, 8,000 Hz, 1 channel`; nothing of one that has none."""
    import soundfile

    try:
        found = soundfile.info(io.BytesIO(raw))
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError):  # also: nothing, or nothing known
        return ""
    channels = f"{found.channels} channel{'' if found.channels == 1 else 's'}"
    return f"{found.format} {found.subtype}, {found.samplerate:,} Hz, {channels}"


def came(raw: Sequence[Any], normalise: Any) -> str:
    """Return of what forms the sounds were, as the source gave them."""
    if not raw:
        return ""
    forms = Counter(_form(value) if isinstance(value, bytes) else "" for value in raw)
    named = ", ".join(f"{name or 'unreadable'} ({count:,})" for name, count in forms.most_common(6))
    return f"As the source gave them, of {len(raw):,} rows: {named}."


def compared(values: Sequence[bytes], normalise: Any) -> Measured:
    """Return what drift compares of sounds: level, length, spectrum."""
    held = [audio.heard(value) for value in values]
    return audio.measured([samples for samples, _ in held], held[0][1] if held else 16_000)


def outlying(looked: Looked, name: str) -> Outlying:
    """Return the distance of each sound to the fifth nearest of others (Ramaswamy, Rastogi and Shim 2000).

    Sounds are compared by what is seen of them to find those that are alike, along its leading principal components;
    the others are OTHERS sounds drawn by the seed.
    """
    rows = sampled(looked.splits["train"], name, looked.seed)
    prints = [audio.fingerprint(value) for value in rows[name]]
    small = np.stack([picture for picture, _ in prints]).astype(np.float32)
    random = np.random.default_rng(looked.seed)
    others = np.sort(random.permutation(len(rows))[:OTHERS])
    middle = small.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((small[others] - middle).T))
    placed = ((small - middle) @ vectors[:, -_DIRECTIONS:]).astype(np.float64)
    method = (
        f"Distance to the {NEAREST}th nearest of {len(others):,} others (Ramaswamy, Rastogi and Shim 2000), "
        f"as spectrograms of 16 bands and 16 parts of the time along their {_DIRECTIONS} leading principal components."
    )
    return Outlying(rows, distances(placed, others), method)
