"""Layer by update as a picture: a row for each layer, the input's first, and a column for each audited update."""

import math
import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence

from chainrule.evaluation.gradients import vector

LEFT, RIGHT, TOP, ROW, WIDTH = 210.0, 90.0, 46.0, 18.0, 1000.0
# Viridis (Smith & van der Walt 2015): even steps of lightness, and readable for the colour-blind.
COLOURS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
SPAN = 1e8
"""What is so many times smaller than the largest is drawn as the smallest."""

Lines = Sequence[Sequence[float | None]]


def picture(title: str, subtitle: str, layers: Sequence[str], updates: Sequence[int], lines: Lines) -> str:
    """Return numbers by update and layer as SVG, on a logarithmic scale; what does not learn is left empty."""
    known = [value for line in lines for value in line if value is not None and value > 0]
    high = max(known, default=1.0)
    low = max(min(known, default=1.0), high / SPAN)
    if high / low < 10:
        low, high = low / 2, high * 2
    tall, wide = ROW * len(layers), WIDTH - LEFT - RIGHT
    parts = [
        vector.text(0, 16, title, "ink bold"),
        vector.text(0, 34, subtitle, "faint"),
        vector.rect(LEFT, TOP, wide, tall, "none"),
        _cells(lines, low, high, LEFT, TOP, wide, tall),
        *(
            vector.text(LEFT - 8, TOP + ROW * (place + 0.5) + 4, _fitting(name), "ink", "end")
            for place, name in enumerate(layers)
        ),
        *_updates(updates, wide, tall),
        *_scale(low, high, tall),
    ]
    return vector.picture(WIDTH, TOP + tall + 40, f"{title}: {len(layers)} layers, {len(updates)} updates", parts)


def _fitting(name: str) -> str:
    return name if len(name) <= 32 else f"…{name[-31:]}"


def _updates(updates: Sequence[int], wide: float, tall: float) -> list[str]:
    """Write the numbers of a few updates below their columns."""
    count = len(updates)
    shown = sorted({round(share * (count - 1)) for share in (0, 0.25, 0.5, 0.75, 1)})
    parts = [
        vector.text(LEFT + wide * (place + 0.5) / count, TOP + tall + 16, f"{updates[place]:,}", "faint", "middle")
        for place in shown
    ]
    return [*parts, vector.text(LEFT + wide / 2, TOP + tall + 34, "update", "faint", "middle")]


def _scale(low: float, high: float, tall: float) -> list[str]:
    """Draw the colours at the right with their numbers."""
    left, height = WIDTH - RIGHT + 16, max(tall, 60.0)
    steps = 64
    lines = [[low * (high / low) ** (1 - step / (steps - 1))] for step in range(steps)]
    turned = [[line[0] for line in lines]]
    parts = [_cells(turned, low, high, left, TOP, 14, height)]
    for mark in _marks(low, high):
        y = TOP + height * (1 - math.log(mark / low) / math.log(high / low))
        parts.append(vector.text(left + 20, min(max(y + 4, TOP + 10), TOP + height), f"{mark:g}", "faint"))
    return parts


def _marks(low: float, high: float) -> list[float]:
    """Return round numbers from low to high: powers of ten, with 2 and 5 between them where there are few."""
    steps = (1, 2, 5) if high / low < 100 else (1,)
    marks = [step * 10.0**exponent for exponent in vector.powers(low, high, 5) for step in steps]
    return [mark for mark in marks if low <= mark <= high]


def _cells(lines: Lines, low: float, high: float, x: float, y: float, wide: float, tall: float) -> str:
    """Return cells as an image with one pixel each, columns the lines, that is stretched without smoothing."""
    rows = list(zip(*lines, strict=True))
    pixels = [[_colour(value, low, high) for value in row] for row in rows]
    source = f"data:image/png;base64,{b64encode(_png(pixels)).decode('ascii')}"
    at = f'x="{vector.number(x)}" y="{vector.number(y)}" width="{vector.number(wide)}" height="{vector.number(tall)}"'
    return f'<image {at} preserveAspectRatio="none" style="image-rendering:pixelated" href="{source}"/>'


def _colour(value: float | None, low: float, high: float) -> bytes:
    """Return red, green, blue and opacity of a number."""
    if value is None:
        return b"\0\0\0\0"
    share = math.log(min(max(value, low), high) / low) / math.log(high / low)
    place = share * (len(COLOURS) - 1)
    below = min(int(place), len(COLOURS) - 2)
    ends = [bytes.fromhex(COLOURS[below + step]) for step in (0, 1)]
    mixed = [round(one + (other - one) * (place - below)) for one, other in zip(*ends, strict=True)]
    return bytes([*mixed, 255])


def _png(pixels: Sequence[Sequence[bytes]]) -> bytes:
    """Return rows of pixels (red, green, blue, opacity) as PNG (ISO/IEC 15948)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 6, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + b"".join(row) for row in pixels), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
