"""IDX files as MNIST and Fashion-MNIST ship them, gzipped or not (http://yann.lecun.com/exdb/mnist/)."""

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import png
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GIVES = ("image", "label")

# The official names: (part of the split, file of images, file of labels).
FILES = (
    ("train", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("test", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
IMAGES_MAGIC = 2051  # 0x00000803: unsigned bytes, three dimensions
LABELS_MAGIC = 2049  # 0x00000801: unsigned bytes, one dimension


def read(path: Path, *, classes: list[str]) -> "pd.DataFrame":
    """Raw rows of the four official files in the directory `path`, training part first, in file order.

    `classes` names the labels 0, 1, … A label beyond them goes through with `problem` "unknown_label: <number>".
    `image` holds PNG bytes (mode L), `id` is "train/000000" with the 0-based index in the file, and every
    image is its own group. Raises DataError for a missing, truncated or inconsistent file.
    """
    import numpy as np
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        what = "a file" if path.is_file() else "no such directory"
        raise DataError(f"{path}: {what}; source.path must name the directory of the IDX files")
    names = np.array([*classes, None], dtype=object)
    frames = []
    for part, image_name, label_name in FILES:
        image_file, images = _read_idx(path, image_name, IMAGES_MAGIC)
        label_file, labels = _read_idx(path, label_name, LABELS_MAGIC)
        if len(images) != len(labels):
            raise DataError(
                f"{image_file}: {len(images)} images but {len(labels)} labels in {label_file.name}; "
                "the two files must belong together, fetch both again"
            )
        if len(images) == 0:
            raise DataError(f"{image_file}: holds no images; fetch the file again")
        known = labels < len(classes)
        ids = [f"{part}/{i:06d}" for i in range(len(images))]
        frames.append(
            pd.DataFrame(
                {
                    "id": pd.Series(ids, dtype="str"),
                    "group": pd.Series(ids, dtype="str"),
                    "image": pd.Series(png.encode(images), dtype=object),
                    "label": pd.Series(names[np.minimum(labels, len(classes))], dtype="str"),
                    "part": pd.Series([part] * len(ids), dtype="str"),
                    "origin": pd.Series([f"{image_file.name}:{i}" for i in range(len(ids))], dtype="str"),
                    "problem": pd.Series(
                        [None if ok else f"unknown_label: {label}" for ok, label in zip(known, labels, strict=True)],
                        dtype="str",
                    ),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _read_idx(directory: Path, name: str, magic: int) -> "tuple[Path, np.ndarray]":
    """One IDX file as a uint8 array of the shape its header gives, and the file that was read."""
    import gzip

    import numpy as np

    found = [file for file in (directory / name, directory / f"{name}.gz") if file.is_file()]
    if not found:
        raise DataError(f"{directory / name}[.gz]: missing; put the official file into {directory}")
    if len(found) == 2:
        raise DataError(f"{found[0]}: exists plain and as .gz, and the two may differ; remove one of them")
    file = found[0]
    try:
        data = file.read_bytes()
        if file.suffix == ".gz" and data:
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: truncated or corrupt gzip ({error}); fetch the file again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error

    dimensions = magic % 256
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DataError(
            f"{file}: {'empty' if not data else 'truncated'}, {len(data)} bytes where the header alone has "
            f"{header}; fetch the file again"
        )
    found_magic, *shape = struct.unpack(f">{1 + dimensions}I", data[:header])
    if found_magic != magic:
        raise DataError(
            f"{file}: magic number {found_magic} instead of {magic}; this is no IDX file of "
            f"{'images' if magic == IMAGES_MAGIC else 'labels'}, check that the files are not swapped"
        )
    expected = header
    for i, size in enumerate(shape):
        expected = header + size if i == 0 else header + (expected - header) * size
    if len(data) != expected or 0 in shape[1:]:
        raise DataError(
            f"{file}: {len(data)} bytes where the header ({' x '.join(map(str, shape))}) asks for "
            f"{expected}; the file is {'truncated' if len(data) < expected else 'corrupt'}, fetch it again"
        )
    return file, np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)
