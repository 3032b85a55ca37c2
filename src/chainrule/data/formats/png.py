"""PNG files of arrays of pixels."""

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""The colour type by the number of channels: grey, grey and alpha, RGB, RGB and alpha."""


def encode(images: "np.ndarray") -> list[bytes]:
    """Return PNG bytes (8 bit, filter 0) of uint8 images [N, H, W] (mode L) or [N, H, W, C].

    Written by hand after the PNG specification (https://www.w3.org/TR/png/): three chunks, two of them the
    same for all images, which takes a tenth of the time of an image library for 70,000 small images.
    """
    import numpy as np

    count, height, width = images.shape[:3]
    channels = images.shape[3] if images.ndim == 4 else 1
    # Every row of pixels is preceded by the number of its filter: 0, none.
    rows = np.zeros((count, height, width * channels + 1), dtype=np.uint8)
    rows[:, :, 1:] = images.reshape(count, height, width * channels)
    size = height * (width * channels + 1)
    pixels = rows.tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    before = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    after = _chunk(b"IEND", b"")
    return [
        b"".join((before, _chunk(b"IDAT", zlib.compress(pixels[at : at + size], 1)), after))
        for at in range(0, count * size, size)
    ]


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return b"".join((struct.pack(">I", len(data)), body, struct.pack(">I", zlib.crc32(body))))
