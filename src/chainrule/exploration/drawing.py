"""Small pictures as inline SVG: histograms and heat maps, in the page's own colours, each with words in its place."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

BINS = 24
_WIDTH, _HEIGHT, _BELOW = 240, 72, 16
_NEGATIVE = "#d55e00"
_SIDE, _NAMES, _DIGITS = 15, 150, 12  # of a heat map: pixels of a cell, of the names; cells a side that hold numbers


def edges(numbers: np.ndarray) -> np.ndarray:
    """Return the bounds of bins for float [N]: of whole numbers one each where few differ, else BINS of equal width.

    What lies beyond the 0.5th and the 99.5th percentile, if far from them, goes into the bins at the ends.
    """
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return np.array([0.0, 1.0])
    low, high = float(known.min()), float(known.max())
    if high - low <= BINS and bool((known == np.floor(known)).all()):
        return np.arange(low, high + 2) - 0.5
    near, far = (float(end) for end in np.quantile(known, (0.005, 0.995)))
    if far > near and high - low > 2 * (far - near):
        low, high = near, far
    bounds: np.ndarray = np.linspace(low, high, BINS + 1)
    return bounds if high > low else np.array([low - 0.5, low + 0.5])


def binned(numbers: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return int64 [B]: how many of float [N] lie in each bin, those beyond the ends in the bins there."""
    known = numbers[np.isfinite(numbers)]
    place = np.clip(np.searchsorted(bounds, known, side="right") - 1, 0, len(bounds) - 2)
    return np.bincount(place, minlength=len(bounds) - 1)


def histogram(title: str, values: Mapping[str, np.ndarray], unit: str = "") -> str:
    """Return a figure of how numbers are spread; `values` are float [N] by split, the first as bars.

    Every split is drawn in shares of its own rows, all but the first as lines, with the same bins.
    """
    splits = {name: each[np.isfinite(each)] for name, each in values.items()}
    splits = {name: each for name, each in splits.items() if len(each)}
    if not splits:
        return f"<figure><figcaption>{escape(title)}: no values</figcaption></figure>"
    own = next(iter(splits.values()))
    bounds = edges(np.concatenate(list(splits.values())))
    shares = [binned(each, bounds) / len(each) for each in splits.values()]
    top = max(float(share.max()) for share in shares)
    ends = (float(own.min()), float(np.median(own)), float(own.max()))
    said = f"{title}: {short(ends[0])} to {short(ends[2])}{unit}, half of them up to {short(ends[1])}"
    step = _WIDTH / len(shares[0])
    drawn = "".join(
        f'<rect x="{at * step:.1f}" y="{_HEIGHT * (1 - share / top):.1f}" width="{max(1.0, step - 1):.1f}" '
        f'height="{_HEIGHT * share / top:.1f}" style="fill:var(--own)"/>'
        for at, share in enumerate(shares[0].tolist())
        if share
    )
    drawn += "".join(_line(share / top) for share in shares[1:])
    low, high = (float(each) for each in (bounds[0], bounds[-1]))
    if len(bounds) > 1 and bounds[1] - bounds[0] == 1 and low % 1:  # a bin for each whole number
        low, high = low + 0.5, high - 0.5
    below = (
        f'<text x="0" y="{_HEIGHT + 13}">{escape(short(low))}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 13}" text-anchor="end">{escape(short(high))}{escape(unit)}</text>'
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BELOW}" width="{_WIDTH}" role="img" '
        f'aria-label="{escape(said)}">{drawn}<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}" '
        f'style="stroke:var(--line)"/>{below}</svg><figcaption>{escape(said)}</figcaption></figure>'
    )


def _line(heights: np.ndarray) -> str:
    """Return a line over bins whose heights are 0 to 1."""
    step = _WIDTH / len(heights)
    points = " ".join(
        f"{x:.1f},{_HEIGHT * (1 - height):.1f}"
        for at, height in enumerate(heights.tolist())
        for x in (at * step, (at + 1) * step)
    )
    return f'<polyline points="{points}" style="fill:none;stroke:var(--ink);stroke-width:1.2"/>'


def spark(counts: Sequence[int], says: str) -> str:
    """Return bars of counts, small enough for a line of a table."""
    width, height = 120, 26
    top, step = max(*counts, 1), width / max(1, len(counts))
    bars = "".join(
        f'<rect x="{at * step:.1f}" y="{height * (1 - count / top):.1f}" width="{max(1.0, step - 0.6):.1f}" '
        f'height="{height * count / top:.1f}" style="fill:var(--own)"/>'
        for at, count in enumerate(counts)
        if count
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(says)}">{bars}'
        f'<line x1="0" x2="{width}" y1="{height}" y2="{height}" style="stroke:var(--line)"/></svg>'
    )


def heat(names: Sequence[str], matrix: np.ndarray, says: str) -> str:
    """Return float [C, C] from -1 to 1 as a square of cells, blue above 0, orange below; no NaN, no diagonal.

    Of few columns the cells hold the numbers; of many, hovering shows them.
    """
    side = 34 if len(names) <= _DIGITS else _SIDE
    size = side * len(names)
    numbers = len(names) <= _DIGITS
    parts = []
    for down, row in enumerate(matrix.tolist()):
        y = _NAMES + down * side
        label = f'<text x="{_NAMES - 5}" y="{y + side / 2 + 4:g}" text-anchor="end">{escape(clipped(names[down]))}'
        parts.append(f"{label}<title>{escape(names[down])}</title></text>")
        x = _NAMES + down * side + side / 2
        parts.append(
            f'<text transform="translate({x + 4:g} {_NAMES - 5}) rotate(-90)">{escape(clipped(names[down]))}</text>'
        )
        for across, value in enumerate(row):
            if value != value or across == down:
                continue
            shade = f"fill:{'var(--own)' if value >= 0 else _NEGATIVE};opacity:{max(0.04, min(0.85, abs(value))):.2f}"
            place = f'x="{_NAMES + across * side}" y="{y}" width="{side - 1}" height="{side - 1}"'
            parts.append(f'<rect {place} style="{shade}"><title>{value:.2f}</title></rect>')
            if numbers:
                at = f'x="{_NAMES + across * side + side / 2:g}" y="{y + side / 2 + 4:g}"'
                parts.append(f'<text {at} text-anchor="middle" style="fill:var(--ink)">{value:.2f}</text>')
    whole = _NAMES + size
    return (
        f'<div class="scroll wide"><svg viewBox="0 0 {whole} {whole}" width="{whole}" role="img" '
        f'aria-label="{escape(says)}">{"".join(parts)}</svg></div>'
    )


def pairs(rows: Sequence[str], narrow: bool) -> str:
    """Return rows, each of two parts side by side, as many in a line as fit; narrow: of small pictures."""
    return f'<div class="pairs{" narrow" if narrow else ""}">{"".join(rows)}</div>' if rows else ""


def pair(one: str, other: str) -> str:
    """Return two parts, HTML both, side by side."""
    return f'<div class="pair"><div>{one}</div><div dir="auto">{other}</div></div>'


def clipped(name: str, most: int = 20) -> str:
    """Return a name, cut where it is longer than `most` letters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def short(number: float) -> str:
    """Return a number as it is read at a glance."""
    if number == int(number) and abs(number) < 1e7:
        return f"{int(number):,}"
    return f"{number:.3g}"
