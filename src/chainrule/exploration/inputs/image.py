"""Images: sizes, brightness, contrast and colours, an average of each class, and what is unlike all others."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.exploration.nearest import NEAREST, distances
from chainrule.exploration.outliers import Outlying
from chainrule.fields import image
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject
from chainrule.system import plugins
from chainrule.system.errors import DataError

PIXELS = 100_000_000
"""Pixels that are looked at, of all images together."""
LEAST = 200
"""Images that are looked at however large they are."""
NARROW = True
"""Whether rows are small when they are shown."""
CLASSES = 20
"""Averages that are shown."""
OTHERS = 2000
"""Images that each is compared with."""
_CHUNK, _SIDE, _SHOWN = 1024, 16, 96
_DIRECTIONS = 16
_BLANK = 1.0  # standard deviation of grey levels under which an image shows nothing


def overview(looked: Looked, name: str) -> Part:
    """Return sizes, brightness, contrast and colour of the training images beside validation's, and class averages."""
    measured = {}
    for split, rows in looked.splits.items():
        measured[split] = _measured(sampled(rows, name, looked.seed)[name].tolist())
    own, train = measured["train"], looked.splits["train"]
    pictures = [
        drawing.histogram(title, {split: each[:, place] for split, each in measured.items()})
        for place, title in enumerate(("width", "height", "brightness", "contrast", "red", "green", "blue"))
        if place < own.shape[1] and (place > 1 or len(np.unique(own[:, place])) > 1)
    ]
    sizes, counts = np.unique(own[:, :2].astype(np.int64), axis=0, return_counts=True)
    colour = "in colour" if own.shape[1] > 4 else "grey"
    one = f"{sizes[0][0]} by {sizes[0][1]} pixels" if len(sizes) == 1 else f"{len(sizes):,} sizes"
    said = f"<p>{escape(of(len(own), len(train), 'training images'))}: {one}, {colour}.</p>" if len(own) else ""
    look_at = []
    if blank := int((own[:, 3] < _BLANK).sum()) if len(own) else 0:
        look_at.append(f"{blank:,} of {len(own):,} images that were looked at show one level of grey, and so nothing")
    note = "<p class='note'>Levels from 0 to 255. Bars: training images; line: validation images.</p>"
    averages = _averages(looked, name) if len(sizes) == 1 else ""
    numbers = {
        "looked_at": len(own),
        "sizes": {
            f"{width}x{height}": int(count) for (width, height), count in zip(sizes.tolist(), counts, strict=True)
        }
        if len(sizes) <= CLASSES
        else len(sizes),
        "brightness": round(float(own[:, 2].mean()), 3) if len(own) else None,
        "blank": blank,
        "look_at": look_at,
    }
    return Part(name, f'{said}<div class="cells">{"".join(pictures)}</div>{note}{averages}', numbers)


def sampled(rows: Any, name: str, seed: int) -> Any:
    """Return as many rows as PIXELS are in their images, if all are as large as the first, and LEAST at least."""
    if rows.empty:
        return rows
    width, height = Image.open(io.BytesIO(rows[name].iloc[0]), formats=("PNG",)).size
    return drawn(rows, max(LEAST, PIXELS // (width * height)), seed)


def _chunks(values: Sequence[bytes]) -> Iterator[np.ndarray]:
    """Yield the images in order, uint8 [n, H, W, C], as many together as are of one size."""
    for start in range(0, len(values), _CHUNK):
        some = values[start : start + _CHUNK]
        try:
            yield image.decode(some)
        except DataError:  # of several sizes
            for value in some:
                yield image.decode([value])


def _measured(values: Sequence[bytes]) -> np.ndarray:
    """Return float64 [N, 4 or 7]: width, height, mean and standard deviation of grey, means of red, green and blue."""
    found = []
    for pixels in _chunks(values):
        count, height, width, channels = pixels.shape
        means = pixels.mean(axis=(1, 2), dtype=np.float32)
        grey = pixels[..., 0] if channels == 1 else pixels.mean(axis=3, dtype=np.float32)
        spread = grey.std(axis=(1, 2), dtype=np.float32)
        sizes = np.full((count, 2), (width, height), np.float32)
        colours = means if channels == 3 else np.zeros((count, 0), np.float32)
        found.append(np.column_stack([sizes, means.mean(axis=1), spread, colours]))
    return np.concatenate(found).astype(np.float64) if found else np.zeros((0, 4))


def _averages(looked: Looked, name: str) -> str:
    """Return the average image of each class, of the rows that are looked at."""
    rows = sampled(looked.splits["train"], name, looked.seed)
    kind = plugins.load("exploration.targets", looked.block["target"])
    groups = kind.buckets(rows[looked.columns.target.name].tolist())
    if not 1 < len(groups) <= CLASSES:
        return ""
    names = {at: place for place, (_, places) in enumerate(groups) for at in places}
    sums: np.ndarray | None = None
    start = 0
    for pixels in _chunks(rows[name].tolist()):
        if sums is None:
            sums = np.zeros((len(groups), *pixels.shape[1:]))
        own = np.array([names.get(at, -1) for at in range(start, start + len(pixels))])
        for place in np.unique(own[own >= 0]).tolist():
            sums[place] += pixels[own == place].sum(axis=0, dtype=np.float64)
        start += len(pixels)
    if sums is None:
        return ""
    figures = "".join(
        _figure(np.rint(total / max(1, len(places))).astype(np.uint8), called, f"the average of {called}")
        for total, (called, places) in zip(sums, groups, strict=True)
    )
    return f'<h3>The average of each class</h3><div class="strip">{figures}</div>'


def _figure(pixels: np.ndarray, caption: str, says: str) -> str:
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return (
        f'<figure><img src="{_source(picture)}" alt="{escape(says)}">'
        f'<figcaption dir="auto">{escape(caption)}</figcaption></figure>'
    )


def _source(picture: Image.Image) -> str:
    """Return an address that holds a picture: as PNG where it is tiny, as JPEG no wider or higher than it is shown."""
    tiny = max(picture.size) <= _SHOWN // 3
    if not tiny:
        picture = picture.copy()
        picture.thumbnail((_SHOWN, _SHOWN))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG" if tiny else "JPEG", **({} if tiny else {"quality": 80}))
    return page.data_uri(buffer.getvalue(), "png" if tiny else "jpeg")


def shown(value: bytes, says: str) -> str:
    """Return a clean image, small; says: what stands in its place where it cannot be seen."""
    picture = Image.open(io.BytesIO(value), formats=("PNG",))
    return f'<img src="{_source(picture)}" alt="{escape(says)}">'


def shown_raw(raw: Any) -> str:
    """Return an image as the source gave it, not turned, with its size and form; a line where it cannot be drawn."""
    if not isinstance(raw, bytes):
        return "<p>nothing</p>"
    try:
        clean, _ = image.normalise(raw, mode="RGB", size=None, max_pixels=PIXELS, depth="stretch")
    except Reject as reject:
        return f"<p>{len(raw):,} bytes that cannot be drawn: {escape(reject.detail[:120])}</p>"
    picture: Image.Image = Image.open(io.BytesIO(raw), formats=image.FORMATS)
    said = f"{picture.width}x{picture.height} {picture.format} {picture.mode}"
    if picture.mode[0] in "IF":  # levels of more than 8 bits
        picture = Image.open(io.BytesIO(clean), formats=("PNG",))
    source = _source(picture.convert("RGB"))
    return f'<figure><img src="{source}" alt="{escape(said)}"><figcaption>{escape(said)}</figcaption></figure>'


def came(raw: Sequence[Any], normalise: Any) -> str:
    """Return of what forms and sizes the images were, as the source gave them."""
    forms: Counter[str] = Counter()
    widths, heights = [], []
    for value in raw:
        try:
            with Image.open(io.BytesIO(value), formats=image.FORMATS) as picture:
                forms[f"{picture.format} {picture.mode}"] += 1
                widths.append(picture.width)
                heights.append(picture.height)
        except (OSError, TypeError, ValueError, SyntaxError):  # also: nothing, or nothing known
            forms["unreadable"] += 1
    if not widths:
        return ""
    named = ", ".join(f"{name} ({count:,})" for name, count in forms.most_common(6))
    least, most = f"{min(widths)} by {min(heights)}", f"{max(widths)} by {max(heights)}"
    sizes = f"all {least} pixels" if least == most else f"from {least} to {most} pixels"
    return f"As the source gave them, of {len(raw):,} rows: {named}; {sizes}."


def compared(values: Sequence[bytes], normalise: Any) -> Measured:
    """Return what drift compares of images: brightness, contrast, steps, where the mass is, and small pictures."""
    return image.measured(np.moveaxis(image.decode(values), -1, 1))


def outlying(looked: Looked, name: str) -> Outlying:
    """Return the distance of each image to the fifth nearest of others (Ramaswamy, Rastogi and Shim 2000).

    Images are compared as small ones, 16 by 16 in grey or 8 by 8 in colour, along their leading principal components;
    the others are OTHERS images drawn by the seed.
    """
    rows = sampled(looked.splits["train"], name, looked.seed)
    small = _small(rows[name].tolist())
    random = np.random.default_rng(looked.seed)
    others = np.sort(random.permutation(len(rows))[:OTHERS])
    middle = small.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((small[others] - middle).T))
    placed = ((small - middle) @ vectors[:, -_DIRECTIONS:]).astype(np.float64)
    scores = distances(placed, others)
    method = (
        f"Distance to the {NEAREST}th nearest of {len(others):,} others (Ramaswamy, Rastogi and Shim 2000), as images "
        f"of {'16 by 16 grey' if small.shape[1] == _SIDE**2 else '8 by 8 coloured'} pixels along their {_DIRECTIONS} "
        "leading principal components."
    )
    return Outlying(rows, scores, method)


def _small(values: Sequence[bytes]) -> np.ndarray:
    """Return float32 [N, D]: every image averaged to few pixels."""
    found = []
    for chunk in _chunks(values):
        colour = chunk.shape[-1] == 3
        side = _SIDE // 2 if colour else _SIDE
        for pixels in chunk:
            whole = Image.fromarray(pixels if colour else pixels[..., 0])
            found.append(np.asarray(whole.resize((side, side), Image.Resampling.BOX), np.float32).ravel())
    return np.array(found)
